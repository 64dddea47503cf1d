// `mode observe|enforce`: which routes only watch, and a warning that names them.
//
// An observed route lets in what it would refuse for a token, so that must be hard to forget: one
// warning for each line that says it, at `check`, at the start and in `status`.

import Config
import Policy

/// One `mode observe` line and the routes that it holds for.
struct ObserveLine {
  let span: SourceSpan
  var labels: [String] = []
  /// How many of them want a token.
  var guardedCount = 0
}

extension Compiler {
  /// Labels in a warning; the others are counted.
  private static let labelsTold = 8

  /// Reads the mode of a block; the inner one holds.
  func mode(_ body: [Directive], to scope: inout RouteScope) {
    guard let directive = body.first(named: "mode"), let argument = directive.arguments.first else {
      return
    }
    switch argument.word(log, [("observe", true), ("enforce", false)]) {
    case true:
      observeLines.append(ObserveLine(span: directive.span))
      scope.observeLine = observeLines.count - 1
    case false: scope.observeLine = nil
    case nil: break
    }
  }

  /// Notes a route under the line that it is observed by.
  func noteObserved(_ scope: RouteScope, _ label: String, _ auth: AuthRule) {
    guard let line = scope.observeLine else { return }
    observeLines[line].labels.append(label)
    if auth != .none { observeLines[line].guardedCount += 1 }
  }

  /// Warns of every line that a route is observed by.
  func tellObserved() {
    for line in observeLines where !line.labels.isEmpty {
      var names = line.labels.prefix(Self.labelsTold).joined(separator: ", ")
      if line.labels.count > Self.labelsTold {
        names += " and \(line.labels.count - Self.labelsTold) more"
      }
      let guarded =
        line.guardedCount == 0 ? "" : "; auth is not enforced on \(line.guardedCount) of them"
      log.warning(
        "observed, nothing is refused for a token, a limit or an origin: \(names)\(guarded)",
        at: line.span, hint: "take this line out to enforce what the configuration says")
    }
  }
}
