// Which request fields a client can never set (DESIGN §5.3).

import Bytes
import HTTPWire

/// The guarded field names, by equivalence class.
public struct HeaderGuard: Sendable {
  init(_ definitions: PolicyDefinitions) {}

  /// True when a field of this name must not be forwarded from a client, in a head or a trailer.
  public func isGuarded(name: Span<UInt8>) -> Bool { false }

  /// The same for a field of a parsed head; quicker for names that the parser knows.
  public func isGuarded(_ field: Field, bytes: Span<UInt8>) -> Bool { false }
}
