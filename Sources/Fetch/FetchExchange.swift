// One request and its answer over an own connection, as a machine that its owner pulls.
//
// `advance()` does what can be done without waiting and says what to wait for. The command line waits
// for this one socket (`Fetch.send`); a control loop registers it with its `Poller` and advances at
// every event: each call goes on until the kernel would block, which is what edges ask for. The owner
// keeps the time: it drops the exchange when its deadline has passed.
//
// Bounds: the head by `HeadLimits`, the body by `responseBytesMaximum`, interim answers by
// `interimMaximum`, chunk syntax and trailers by HTTPWire. Loop only.

import Bytes
import EventLoop
import HTTPWire
import Transport

/// What a fetch waits for, or what came of it.
public enum FetchProgress: Sendable, Equatable {
  /// Nothing to do until the socket can be read; or written, while the request isn't out yet.
  case waiting(toWrite: Bool)
  /// The whole answer.
  case completed(FetchResponse)
  /// There will be no answer.
  case failed(FetchError)
}

/// A request on its way.
public final class FetchExchange {
  /// Interim answers (RFC 9110 §15.2) read before the final one.
  public static let interimMaximum = 16

  private enum Phase {
    /// Reading heads until a final one is whole.
    case awaitingHead
    /// Reading the body behind it.
    case readingBody
    case ended(FetchProgress)
  }

  private let method: Method
  private let headLimits: HeadLimits
  private let bodyBytesMaximum: Int
  private let bodyTellsItsEnd: Bool
  private var stream: ByteStream
  private var output: ByteBuffer
  /// Large enough for a head, so for everything that must lie in one piece.
  private var input: ByteBuffer
  private let head = ResponseHead()
  private var decoder = BodyDecoder(.none)
  private var phase = Phase.awaitingHead
  private var bytesSent = 0
  private var interimCount = 0
  private var status = 0
  private var headers: [FetchHeader] = []
  private var body: [UInt8] = []

  /// Starts connecting.
  public init(_ request: FetchRequest) throws(FetchError) {
    guard let rendered = request.render() else { throw .invalidRequest }
    output = rendered
    method = request.method
    headLimits = request.headLimits
    bodyBytesMaximum = request.responseBytesMaximum
    bodyTellsItsEnd = request.bodyTellsItsEnd
    input = ByteBuffer(capacity: headLimits.headBytesMaximum + 4096)
    do throws(SystemError) {
      if let security = request.security {
        stream = try ByteStream.connect(
          to: request.address, as: security.name, in: security.context)
      } else {
        stream = try ByteStream.connect(to: request.address)
      }
    } catch {
      throw .unreachable(error.code)
    }
  }

  /// Registers the connection with a loop; it stays so until the exchange goes away.
  public func register(with poller: Poller, token: UInt64) throws(SystemError) {
    try stream.register(with: poller, token: token)
  }

  /// Does what can be done now. After an end it says the same again.
  public func advance() -> FetchProgress {
    if case .ended(let progress) = phase { return progress }
    if let failure = push() { return end(.failed(failure)) }
    while true {
      switch stream.receive(into: &input) {
      case .moved(let count):
        // The parsers below take everything that a full buffer could hold.
        guard count > 0 else { return end(.failed(.tooLarge)) }
        if let outcome = bytesReceived() { return end(outcome) }
      case .wouldBlock:
        if !output.isEmpty, stream.mustSendAgain() {
          // Afterwards the request is out or the kernel has refused some: this can't go round.
          if let failure = push() { return end(.failed(failure)) }
          continue
        }
        return .waiting(toWrite: stream.waitsToWrite(unsent: !output.isEmpty))
      case .closed:
        return end(closedByPeer())
      case .failed(let code):
        return end(cutByPeer(code))
      }
    }
  }

  /// Waits until `advance()` has something to do, at most so long; false when the time ran out.
  func wait(for progress: FetchProgress, milliseconds: Int) throws(SystemError) -> Bool {
    guard case .waiting(let toWrite) = progress else { return true }
    return try stream.wait(toRead: true, toWrite: toWrite, timeoutMilliseconds: milliseconds)
  }

  private func end(_ outcome: FetchProgress) -> FetchProgress {
    phase = .ended(outcome)
    stream.close()
    return outcome
  }

  // MARK: Sending

  /// Sends as much of the request as the kernel takes. A peer that stops reading may have answered
  /// already: then the rest is dropped and the answer decides.
  private func push() -> FetchError? {
    while !output.isEmpty {
      switch stream.send(from: &output) {
      case .moved(let count):
        bytesSent += count
      case .wouldBlock:
        return nil
      case .closed:
        output.clear()
      case .failed(let code):
        // Nothing was sent, so this is what came of connecting.
        if bytesSent == 0 { return failure(code) }
        output.clear()
      }
    }
    return nil
  }

  private func failure(_ code: Int32) -> FetchError {
    if let fault = stream.fault() { return .insecure(fault) }
    return bytesSent == 0 ? .unreachable(code) : .broken(code)
  }

  // MARK: Receiving

  /// Reads what is in the buffer; nil when more is needed.
  private func bytesReceived() -> FetchProgress? {
    while case .awaitingHead = phase {
      switch head.parse(input.readable, from: 0, limits: headLimits, requestMethod: method) {
      case .needsMore: return nil
      case .malformed(let fault, _): return .failed(.malformed(fault))
      case .complete:
        if let failure = headCompleted() { return .failed(failure) }
      }
    }
    return readBody()
  }

  /// Takes over a final head, skips an interim one.
  private func headCompleted() -> FetchError? {
    guard head.status != 101 else { return .unexpectedAnswer }
    if head.isInterim {
      interimCount += 1
      guard interimCount <= Self.interimMaximum else { return .unexpectedAnswer }
    } else {
      if case .length(let count) = head.framing, count > bodyBytesMaximum { return .tooLarge }
      status = head.status
      let bytes = input.readable
      for index in 0..<head.fieldCount {
        let field = head.field(at: index)
        headers.append(
          FetchHeader(
            String(lossy: bytes.slice(field.name)), String(lossy: bytes.slice(field.value))))
      }
      decoder = BodyDecoder(head.framing)
      phase = .readingBody
    }
    input.consume(head.byteEnd)
    input.compact()
    head.reset()
    return isEncoded ? .encoded : nil
  }

  /// Without Accept-Encoding nothing but the bytes themselves was asked for (RFC 9110 §12.5.3).
  private var isEncoded: Bool {
    headers.contains {
      $0.name.lowercased() == "content-encoding" && $0.value.lowercased() != "identity"
    }
  }

  private func readBody() -> FetchProgress? {
    // Each step consumes bytes or returns.
    while true {
      switch decoder.next(input.readable, from: 0) {
      case .data(let range):
        guard range.count <= bodyBytesMaximum - body.count else { return .failed(.tooLarge) }
        body.append(contentsOf: [UInt8](copying: input.readable.slice(range)))
        input.consume(range.upper)
      case .trailer(_, _, let consumedTo):
        // Nobody asked for trailers.
        input.consume(consumedTo)
      case .needsMore(let consumedTo):
        input.consume(consumedTo)
        input.compact()
        return nil
      case .end:
        return completed
      case .malformed(let fault):
        return .failed(.malformed(fault))
      }
    }
  }

  private func closedByPeer() -> FetchProgress {
    if case .readingBody = phase, decoder.mayEndAtClose { return completed }
    return .failed(.closedEarly)
  }

  /// A connection without the end of TLS: the end of some bodies all the same.
  private func cutByPeer(_ code: Int32) -> FetchProgress {
    if bodyTellsItsEnd, case .truncated = stream.fault() { return closedByPeer() }
    return .failed(failure(code))
  }

  private var completed: FetchProgress {
    .completed(FetchResponse(status: status, headers: headers, body: body))
  }
}
