// What is asked, what is answered, and what can go wrong.
//
// Everything is a value that owns its bytes: requests of the command line, health probes and key-set
// fetches are rare, so this is written for the reader and not for speed. Any thread.

import Bytes
import Crypto
import EventLoop
import HTTPWire

/// One request, ready to be sent to an address.
public struct FetchRequest: Sendable {
  /// Most bytes of an answer's body unless the caller says otherwise.
  public static let responseBytesDefault = 1 << 20

  /// How it is asked.
  public var method: Method
  /// Who is asked.
  public var address: SocketAddress
  /// What the `Host` field says.
  public var host: String
  /// Path and query, beginning with `/`.
  public var target: String
  /// Further fields. `Host`, `Connection`, `Content-Length` and `Transfer-Encoding` are written by
  /// the client itself and are refused here.
  public var headers: [FetchHeader]
  /// What is sent along; nil for nothing.
  public var body: [UInt8]?
  /// Most bytes of the answer's body.
  public var responseBytesMaximum: Int
  /// Bounds of the answer's head.
  public var headLimits = HeadLimits()
  /// True when what is asked for tells itself where it ends, as a JSON object does. Then an answer
  /// that goes on to the end of its connection needs no end of TLS, which many servers leave out: cut by
  /// somebody else it is no JSON object, and its reader refuses it.
  public var bodyTellsItsEnd = false
  /// How the connection is encrypted; nil for not at all.
  public var security: FetchSecurity?

  /// Makes a request.
  public init(
    _ method: Method = .get, address: SocketAddress, host: String, target: String,
    headers: [FetchHeader] = [], body: [UInt8]? = nil,
    responseBytesMaximum: Int = FetchRequest.responseBytesDefault
  ) {
    self.method = method
    self.address = address
    self.host = host
    self.target = target
    self.headers = headers
    self.body = body
    self.responseBytesMaximum = responseBytesMaximum
  }

  /// The bytes on the wire; nil when a part would end its line or write a line of its own (the parts
  /// may come from a configuration or a command line), or when the method has no name.
  func render() -> ByteBuffer? {
    guard method.name.utf8CodeUnitCount > 0, target.utf8.first == UInt8(ascii: "/"),
      target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
      !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
      headers.allSatisfy(\.isLegal)
    else { return nil }
    var text = "\(method.name) \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n"
    for header in headers { text += "\(header.name): \(header.value)\r\n" }
    switch method {
    // RFC 9110 §8.6: where a body is expected, an empty one says so.
    case .post, .put, .patch: text += "Content-Length: \(body?.count ?? 0)\r\n"
    default: if let body { text += "Content-Length: \(body.count)\r\n" }
    }
    text += "\r\n"
    let (count, overflow) = text.utf8.count.addingReportingOverflow(body?.count ?? 0)
    guard !overflow, count <= UInt32.max else { return nil }
    var buffer = ByteBuffer(capacity: count)
    buffer.append(text: text)
    if let body { buffer.append(body) }
    return buffer
  }
}

/// Encryption of a fetch: the server must prove to be `name` to somebody who trusts as `context` does.
public struct FetchSecurity: Sendable {
  /// Whose certificate it must be.
  public let name: TLSServerName
  /// Whom to believe.
  public let context: TLSContext

  /// Takes both.
  public init(name: TLSServerName, context: TLSContext) {
    self.name = name
    self.context = context
  }
}

/// A field of a request or an answer.
public struct FetchHeader: Sendable, Equatable {
  /// The name, as written.
  public var name: String
  /// The value, without the spaces around it.
  public var value: String

  /// Makes a field.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// True when it is one field line and none that the client writes itself.
  var isLegal: Bool {
    let own = ["host", "connection", "content-length", "transfer-encoding"]
    return !name.isEmpty && !own.contains(name.lowercased())
      && name.utf8.allSatisfy { $0.isASCIIAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains($0) }
      && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
  }
}

/// A whole answer.
public struct FetchResponse: Sendable, Equatable {
  /// The status code.
  public let status: Int
  /// The fields of its head, in order.
  public let headers: [FetchHeader]
  /// Its body, without chunks.
  public let body: [UInt8]

  /// The value of the first field with a name, case ignored; nil when there is none.
  public func header(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }
}

/// Why there is no answer.
public enum FetchError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The request itself can't be written: an illegal target, host or field.
  case invalidRequest
  /// The name has no address: the resolver's words.
  case unresolved(String)
  /// Nobody there: the connection failed before anything was sent (an errno).
  case unreachable(Int32)
  /// The connection broke before the answer was whole (an errno).
  case broken(Int32)
  /// The other side can't prove who it is, doesn't speak TLS as we do, or its words were cut.
  case insecure(TLSFault)
  /// The answer is compressed, which nobody asked for.
  case encoded
  /// The other side closed before the answer was whole.
  case closedEarly
  /// The time ran out.
  case timedOut
  /// The answer is longer than the caller takes.
  case tooLarge
  /// The answer can't be read in exactly one way.
  case malformed(WireFault)
  /// The other side changed to another protocol, or sends interim answers without end.
  case unexpectedAnswer

  /// For people.
  public var description: String {
    switch self {
    case .invalidRequest: "the request holds illegal characters"
    case .unresolved(let reason): "the name can't be resolved: \(reason)"
    case .unreachable(let code): "no connection: \(SystemError.text(code))"
    case .broken(let code): "the connection broke: \(SystemError.text(code))"
    case .insecure(let fault): fault.description
    case .encoded: "the answer is compressed, although that was not asked for"
    case .closedEarly: "the connection was closed before the answer was complete"
    case .timedOut: "no complete answer in time"
    case .tooLarge: "the answer is too long"
    case .malformed(let fault): "the answer is not valid HTTP (\(fault.name))"
    case .unexpectedAnswer: "the answer is not one to this request"
    }
  }
}
