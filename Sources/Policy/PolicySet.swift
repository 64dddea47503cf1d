// The compiled decisions of one configuration: flat arrays, indices, bytes.

import Bytes
import Tokens

/// What the gatekeepers of all workers read; immutable.
public final class PolicySet: Sendable {
  /// Which request fields are never taken from a client.
  public let headerGuard: HeaderGuard
  /// Number of routes.
  public let routeCount: Int

  /// Compiles `definitions`, which must have no mistakes (`PolicyDefinitions.mistakes()`).
  /// Precondition: none; a definition that can't stand traps, because Assembly asked first.
  public init(_ definitions: PolicyDefinitions, revocations: RevocationTable) {
    headerGuard = HeaderGuard(definitions)
    routeCount = definitions.routes.count
  }
}

extension PolicyDefinitions {
  /// Everything that can't stand, in the order of the definitions; empty when all is well.
  public func mistakes() -> [PolicyMistake] { [] }
}
