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
    self.init(in: text, at: 0, count: text.count)
  }

  /// The method whose name is exactly the `count` bytes at `start`, or `.other`.
  @inline(__always)
  init(in bytes: Span<UInt8>, at start: Int, count: Int) {
    self = .other
    switch count {
    case 3:
      if bytes.matches("GET", at: start) {
        self = .get
      } else if bytes.matches("PUT", at: start) {
        self = .put
      }
    case 4:
      if bytes.matches("POST", at: start) {
        self = .post
      } else if bytes.matches("HEAD", at: start) {
        self = .head
      }
    case 5:
      if bytes.matches("PATCH", at: start) {
        self = .patch
      } else if bytes.matches("TRACE", at: start) {
        self = .trace
      }
    case 6: if bytes.matches("DELETE", at: start) { self = .delete }
    case 7:
      if bytes.matches("OPTIONS", at: start) {
        self = .options
      } else if bytes.matches("CONNECT", at: start) {
        self = .connect
      }
    default: break
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
