// One answer of the admin server, and how it becomes bytes.
//
// Every body but that of the metrics is a JSON object; that of an error says what is wrong in
// `error`, for a person. What the request held is never repeated: a body may be a token. Every answer
// ends its connection.

import Bytes
import HTTPWire

/// A status and a body. Thrown where a request is refused.
struct AdminAnswer: Error, Sendable, Equatable {
  /// Seconds after which the gateway's own trouble is worth another try.
  static let retryAfterSeconds = 5

  /// The HTTP status.
  let status: Int
  /// The text of a JSON object, or of metrics.
  let body: String
  /// What the body is.
  let contentType: StaticString
  /// The methods that the path takes, for 405.
  var allow: String?

  /// An answer with this object.
  init(status: Int, _ object: JSONObjectText) {
    self.status = status
    body = object.text
    contentType = "application/json"
  }

  /// What a scraper is answered.
  init(_ metrics: MetricsText) {
    status = 200
    body = metrics.text
    contentType = "text/plain; version=0.0.4; charset=utf-8"
  }

  /// Equal when a client can't tell them apart.
  static func == (left: AdminAnswer, right: AdminAnswer) -> Bool {
    left.status == right.status && left.body == right.body && left.allow == right.allow
      && "\(left.contentType)" == "\(right.contentType)"
  }

  /// A refusal with a sentence for people and further members.
  static func refusal(
    _ status: Int, _ message: String, _ addFurther: (inout JSONObjectText) -> Void = { _ in }
  ) -> AdminAnswer {
    var object = JSONObjectText()
    object.add("error", message)
    addFurther(&object)
    return AdminAnswer(status: status, object)
  }

  /// 405 for a path that takes only these methods.
  static func methodNotAllowed(allow: String) -> AdminAnswer {
    var answer = refusal(405, "this path takes \(allow)")
    answer.allow = allow
    return answer
  }

  /// The whole response as bytes; of an answer to HEAD, its head alone.
  func render(toHead: Bool, epochSeconds: Int64) -> ByteBuffer {
    // The head's lines below have less than 400 bytes together.
    var buffer = ByteBuffer(capacity: 512 + body.utf8.count)
    HeadWriter.append(status: status, to: &buffer)
    buffer.append("Date: ")
    HTTPDate.append(epochSeconds: epochSeconds, to: &buffer)
    buffer.append("\r\nContent-Type: ")
    buffer.append(contentType)
    buffer.append("\r\n")
    HeadWriter.append(name: "Content-Length", decimal: body.utf8.count, to: &buffer)
    // A stored answer about a running process is a wrong one.
    buffer.append("Cache-Control: no-store\r\nConnection: close\r\n")
    switch status {
    case 401:
      buffer.append("WWW-Authenticate: Bearer\r\n")
    case 503:
      HeadWriter.append(
        name: "Retry-After", decimal: AdminAnswer.retryAfterSeconds, to: &buffer)
    default: break
    }
    if let allow {
      buffer.append("Allow: ")
      buffer.append(text: allow)
      buffer.append("\r\n")
    }
    buffer.append("\r\n")
    if !toHead { buffer.append(text: body) }
    return buffer
  }
}
