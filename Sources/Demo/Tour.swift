// The lines to try.

import EventLoop

enum Tour {
  /// The text for a gateway that told `ready` (`listening on ADDRESS; admin …`).
  static func text(ready: String, flask: SocketAddress, nest: SocketAddress) -> String {
    let base = "http://" + gatewayAddress(ready)
    let login =
      #"-H 'Content-Type: application/json' -d '{"email":"\#(Account.ada.email)","#
      + #""password":"\#(Account.ada.password)"}'"#
    return """

      The gateway listens on \(base); behind it are
        a Flask-style backend   on \(flask), reached as \(base)/flask/…
        a NestJS-style backend  on \(nest), reached as \(base)/nest/…
      Its access log appears below. In another terminal:

        # Log in at Flask and keep the token.
        TOKEN=$(curl -s \(base)/flask/auth/login \\
          \(login) \\
          | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

        # Who am I? X-User-Id reaches the backend from the gateway. The token is good at Nest, too.
        curl \(base)/flask/me -H "Authorization: Bearer $TOKEN"
        curl \(base)/nest/me  -H "Authorization: Bearer $TOKEN"

        # A forged identity never arrives, however it is spelled.
        curl \(base)/flask/me -H "Authorization: Bearer $TOKEN" -H 'X-User-Id: 1' -H 'x_user_id: 1'

        # Without a token, each backend's clients get the error they know.
        curl -i \(base)/flask/me
        curl -i \(base)/nest/me

        # Log out at Flask: from then on the token is useless everywhere.
        curl -X POST \(base)/flask/auth/logout -H "Authorization: Bearer $TOKEN"
        curl -i \(base)/flask/me -H "Authorization: Bearer $TOKEN"
        curl -i \(base)/nest/me  -H "Authorization: Bearer $TOKEN"

        # Guess passwords: the sixth wrong one in a row is 429.
        for n in 1 2 3 4 5 6 7; do curl -s -o /dev/null -w '%{http_code}\\n' \\
          \(base)/nest/auth/login -H 'Content-Type: application/json' -d '{}'; done

      Ctrl-C ends the demo.


      """
  }

  /// The first address of the ready line.
  private static func gatewayAddress(_ ready: String) -> String {
    let words = ready.split(whereSeparator: { " ,;\n".contains($0) })
    return words.dropFirst(2).first.map(String.init) ?? DemoFolder.configuredListener
  }
}
