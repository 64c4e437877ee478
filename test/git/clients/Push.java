import java.io.File;
import java.net.URI;
import org.eclipse.jgit.api.Git;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.eclipse.jgit.transport.PushResult;
import org.eclipse.jgit.transport.RefSpec;
import org.eclipse.jgit.transport.RemoteRefUpdate;
import org.eclipse.jgit.transport.UsernamePasswordCredentialsProvider;

/** Pushes by JGit: REPOSITORY URL REFSPEC. Ends with 1 and says why when the push or a ref is refused. */
public class Push {
  public static void main(String[] args) throws Exception {
    String[] user = new URI(args[1]).getUserInfo().split(":");
    boolean isRefused = false;
    try (Git git = Git.open(new File(args[0]))) {
      Iterable<PushResult> results =
          git.push()
              .setRemote(args[1])
              .setOutputStream(System.out)
              .setRefSpecs(new RefSpec(args[2]))
              .setCredentialsProvider(new UsernamePasswordCredentialsProvider(user[0], user[1]))
              .call();
      for (PushResult result : results) {
        for (RemoteRefUpdate update : result.getRemoteUpdates()) {
          boolean isDone =
              update.getStatus() == RemoteRefUpdate.Status.OK
                  || update.getStatus() == RemoteRefUpdate.Status.UP_TO_DATE;
          if (!isDone) System.out.println(update.getStatus() + " " + update.getMessage());
          isRefused |= !isDone;
        }
      }
    } catch (GitAPIException error) {
      for (Throwable at = error; at != null; at = at.getCause()) System.out.println(at.getMessage());
      isRefused = true;
    }
    System.exit(isRefused ? 1 : 0);
  }
}
