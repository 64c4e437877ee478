BODY = b'{"message":"Hello World"}'


def application(environ, start_response):
    start_response('200 OK', [('content-type', 'application/json'), ('content-length', str(len(BODY)))])
    return [BODY]
