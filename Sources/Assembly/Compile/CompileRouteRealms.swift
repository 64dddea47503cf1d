// `realm` of routes and groups: whose tokens they take, in the order in which their keys are tried.

import Config
import Policy

extension Compiler {
  /// The realms of a directive; those that are none are reported.
  func realms(_ directive: Directive) -> [Int] {
    var realms: [Int] = []
    for argument in directive.arguments {
      guard let realm = realmNames.index(argument, log) else { continue }
      if realms.contains(realm) {
        let _: Bool? = argument.refuse(log, "is said twice", nil)
      } else {
        realms.append(realm)
      }
    }
    if realms.count > RouteDefinition.realmsMaximum {
      log.error(
        "a route takes tokens of at most \(RouteDefinition.realmsMaximum) realms",
        at: directive.span, hint: "every one costs a try of its keys")
    }
    return realms
  }

  /// The names as a listing tells them: those said, or that of the only realm.
  func realmText(_ realms: [Int]) -> String {
    (realms.isEmpty ? [0] : realms).map { realmNames.names[$0] }.joined(separator: " ")
  }
}
