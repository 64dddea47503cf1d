// Why an encrypted connection did not come about, or broke. Values for logs and for people: what
// OpenSSL says are constant texts, so nothing of the peer's bytes and no secret gets in here.

/// What is wrong with a TLS configuration, connection or peer.
public enum TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text of trusted authorities holds no certificate, or one that can't be read.
  case unreadableAuthorities
  /// A protocol name for ALPN that is empty or longer than 255 bytes.
  case badProtocolName
  /// OpenSSL could not make an object: memory, or its own configuration.
  case unavailable(reason: String)
  /// The peer's certificate is not one for this name by a trusted authority.
  case untrusted(reason: String)
  /// What came is not TLS as we speak it, or the peer ended it with an alert.
  case protocolFault(reason: String)
  /// The connection ended before the handshake was over.
  case closedInHandshake
  /// The connection ended without the peer's word that this is the end (RFC 8446 §6.1): what came may
  /// be a part, cut by somebody in between.
  case truncated
  /// Records without end and no data in them.
  case noProgress

  /// For people.
  public var description: String {
    switch self {
    case .unreadableAuthorities: "the file of authorities holds no readable certificate"
    case .badProtocolName: "a protocol name has 1 to 255 bytes"
    case .unavailable(let reason): "TLS is not available: \(reason)"
    case .untrusted(let reason): "the certificate is not trusted: \(reason)"
    case .protocolFault(let reason): "TLS failed: \(reason)"
    case .closedInHandshake: "the connection was closed during the TLS handshake"
    case .truncated: "the connection was cut without the end of TLS"
    case .noProgress: "the peer sends TLS records without data"
    }
  }
}
