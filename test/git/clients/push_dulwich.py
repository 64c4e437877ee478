"""Pushes by dulwich: REPOSITORY URL REFSPEC. Ends with 1 and says why when the push or a ref is refused."""
import io
import sys

from dulwich import porcelain
from dulwich.errors import GitProtocolError

repository, url, refspec = sys.argv[1:4]
said = io.BytesIO()
try:
    porcelain.push(repository, url, refspec, outstream=said, errstream=said)
    failure = None
except (GitProtocolError, porcelain.Error) as error:
    failure = f"{type(error).__name__}: {error}"
text = said.getvalue().decode("utf-8", "replace")
print(text, failure or "")
sys.exit(1 if failure is not None or " failed:" in text else 0)
