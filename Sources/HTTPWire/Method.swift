// Request methods (RFC 9110 §9).
//
// Methods are case-sensitive: `get` is a legal token and not GET, so it is `.other` and routing
// decides. CONNECT is known only so that the parser can refuse it by name.

import Bytes

/// A request method; every token that isn't one of the names is `.other`.
public enum Method: UInt8, Sendable, CaseIterable {
  case get, head, post, put, patch, delete, options, trace, connect
  /// A legal token that isn't a known method; its bytes are at the head's `methodRange`.
  case other

  /// The method whose name is exactly `text`, or `.other`.
  public init(_ text: Span<UInt8>) {
    switch text.count {
    case 3: self = text.equals("GET") ? .get : text.equals("PUT") ? .put : .other
    case 4: self = text.equals("POST") ? .post : text.equals("HEAD") ? .head : .other
    case 5: self = text.equals("PATCH") ? .patch : text.equals("TRACE") ? .trace : .other
    case 6: self = text.equals("DELETE") ? .delete : .other
    case 7: self = text.equals("OPTIONS") ? .options : text.equals("CONNECT") ? .connect : .other
    default: self = .other
    }
  }

  /// The method's name as it stands on the wire; empty for `.other`.
  public var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .patch: "PATCH"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .connect: "CONNECT"
    case .other: ""
    }
  }

  /// True for methods whose repetition has the effect of one request (RFC 9110 §9.2.2).
  public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .post, .patch, .connect, .other: false
    }
  }
}
