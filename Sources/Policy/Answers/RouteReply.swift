// Complete answers of routes that have no backend: `respond`, `respond health`, `redirect`.
//
// Loop only.

import Bytes
import HTTPWire

extension ReplyWriter {
  private static let serving = Array(#"{"status":"ok"}"#.utf8)
  private static let draining = Array(#"{"status":"draining"}"#.utf8)

  /// Appends the answer of the request's route and returns its status.
  static func appendRouteAnswer(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, set: PolicySet,
    closes: Bool, isStopping: Bool, epochSeconds: Int64, to buffer: inout ByteBuffer
  ) -> Int {
    let answer = set.answers[Int(set.routes[request.route].answer)]
    let isDown = answer.kind == .health && isStopping
    let status = isDown ? 503 : answer.status
    HeadWriter.append(status: status, to: &buffer)
    appendCommon(head, closes, epochSeconds, &buffer)
    request.appendCORS(set: set, bytes: bytes, to: &buffer)
    switch answer.kind {
    case .health:
      // Where it came from a cache it would say nothing about now.
      buffer.append("Cache-Control: no-store\r\n")
      if isDown {
        HeadWriter.append(name: "Retry-After", decimal: unavailableRetrySeconds, to: &buffer)
      }
      appendBody(isDown ? draining : serving, isJSON: true, status, head, &buffer)
    case .respond:
      appendBody(answer.body, isJSON: answer.isJSON, status, head, &buffer)
    case .redirect:
      buffer.append("Location: ")
      answer.appendTarget(request, head, bytes, to: &buffer)
      buffer.append("\r\n")
      appendBody([], isJSON: false, status, head, &buffer)
    }
    return status
  }

  /// Appends what is left of the head, and the body unless the request was HEAD.
  private static func appendBody(
    _ body: [UInt8], isJSON: Bool, _ status: Int, _ head: RequestHead,
    _ buffer: inout ByteBuffer
  ) {
    if !body.isEmpty {
      buffer.append("Content-Type: ")
      buffer.append(isJSON ? "application/json" : "text/plain; charset=utf-8")
      buffer.append("\r\n")
    }
    if CompiledAnswer.hasLength(status) {
      HeadWriter.append(name: "Content-Length", decimal: body.count, to: &buffer)
    }
    buffer.append("\r\n")
    if head.method != .head { buffer.append(body) }
  }
}
