// `gateway routes`: the routes as they are judged, inheritance resolved.

import Assembly
import Tokens

enum RoutesCommand {
  static let help = """
    usage: gateway routes [-c FILE]

    Lists every route with what it inherits: methods, host, path, whether it enforces or only
    observes, auth, realm, required claims, limits, CORS policy, whose addresses it admits, upstream
    or own answer, what of the token the upstream gets, and where it stands. A request takes the
    longest path that fits; at equal paths a named method comes before any. Below stands what realms
    require of every token.

      -c FILE   the configuration (gateway.conf)

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("routes", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c"], flagged: [])
      try words.expectOperands(0...0, "nothing")
      guard let configuration = ConfigurationOption.load(try ConfigurationOption.path(words)) else {
        return ExitCode.refused
      }
      Output.answer(table(configuration.routes) + requirements(configuration.policy.realms))
      return ExitCode.done
    }
  }

  /// What realms require of their tokens on every route.
  static func requirements(_ realms: [Realm]) -> String {
    var out = ""
    for realm in realms {
      for tokenClass in TokenClass.allCases {
        guard let lines = realm.requirements(tokenClass)?.lines else { continue }
        out += "realm \(realm.name) requires of every \(tokenClass.name) token: "
        out += lines.map(\.text).joined(separator: "; ") + "\n"
      }
    }
    return out.isEmpty ? "" : "\n" + out
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
