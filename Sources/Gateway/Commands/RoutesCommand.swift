// `gateway routes`: the routes as they are judged, inheritance resolved.

import Assembly

enum RoutesCommand {
  static let help = """
    usage: gateway routes [-c FILE]

    Lists every route with what it inherits: methods, host, path, whether it enforces or only
    observes, auth, realm, required claims, limits, CORS policy, whose addresses it admits, upstream
    or own answer, what of the token the upstream gets, and where it stands. A request takes the
    longest path that fits; at equal paths a named method comes before any.

      -c FILE   the configuration (gateway.conf)

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("routes", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c"], flagged: [])
      try words.expectOperands(0...0, "nothing")
      guard let configuration = ConfigurationOption.load(try ConfigurationOption.path(words)) else {
        return ExitCode.refused
      }
      Output.answer(table(configuration.routes))
      return ExitCode.done
    }
  }

  static func table(_ routes: [RouteListing]) -> String {
    var rows = [
      [
        "METHODS", "HOST", "PATH", "MODE", "AUTH", "REALM", "REQUIRE", "LIMITS", "CORS",
        "ADDRESSES", "UPSTREAM", "TOKEN", "PLACE",
      ]
    ]
    for route in routes {
      rows.append([
        route.methods.isEmpty ? "*" : route.methods.joined(separator: ","), route.host ?? "*",
        route.path, route.isObserved ? "observe" : "enforce",
        route.auth + (route.revokesOnSuccess ? ", revokes" : ""),
        route.auth == "none" ? "-" : route.realm ?? "-",
        route.requirements.isEmpty ? "-" : route.requirements.joined(separator: "; "),
        route.limits.isEmpty ? "-" : route.limits.joined(separator: ","), route.cors,
        route.addresses.isEmpty ? "*" : route.addresses.joined(separator: "; "), route.target,
        route.auth == "none" || route.answersItself ? "-" : route.forwarding, route.place,
      ])
    }
    return TextTable.render(rows)
  }
}
