// One worker's access log: a JSON object a line, rendered into a block and handed to the sink in
// batches. The query never appears, because tokens travel there; neither does any header value but
// the host. Loop only.

import Bytes
import EventLoop

/// Collects one worker's access lines.
final class AccessLog {
  /// Size of a batch. A batch goes out when it is three quarters full, and when the loop has been
  /// told to (at most `flushInterval` after its first line).
  static let batchBytes = 64 << 10
  /// Longest time a line waits, in nanoseconds.
  static let flushInterval: Int64 = 200_000_000

  /// The numbers of one request's line.
  struct Line {
    var epochMilliseconds: Int64
    var requestID: RequestID
    var status: Int
    var reason: StaticString?
    var wouldRefuse: StaticString?
    var bytesIn: Int
    var bytesOut: Int
    var durationNanoseconds: Int64
    /// Time from sending the request upstream to its response head.
    var upstreamNanoseconds: Int64
  }

  private let sink: LogSink?
  private var batch = ByteBuffer()
  private var lineCount = 0
  private var firstLineAt: Int64 = 0
  private(set) var droppedLines: UInt64 = 0

  init(sink: LogSink?) {
    self.sink = sink
    if sink != nil { batch = ByteBuffer(capacity: AccessLog.batchBytes) }
  }

  /// True when lines are wanted at all.
  var isOn: Bool { sink != nil }

  /// Adds one line. `method`, `host` and `path` are ranges of `input`, the
  /// client's own bytes, and escaped here; `route` is
  /// a JSON string; `server` is nil when no upstream was asked.
  func append(
    _ line: Line, client: SocketAddress, input: borrowing ByteBuffer, method: ByteRange,
    host: ByteRange, path: ByteRange, route: [UInt8]?, server: SocketAddress?, now: Int64
  ) {
    guard sink != nil else { return }
    let bytes = input.written
    let start = batch.writerIndex
    batch.append("{\"time\":\"")
    LogText.appendTime(epochMilliseconds: line.epochMilliseconds, to: &batch)
    batch.append("\",\"request_id\":\"")
    line.requestID.append(to: &batch)
    batch.append("\",\"client\":\"")
    client.appendIP(to: &batch)
    batch.append("\",\"method\":")
    LogText.appendQuoted(bytes.slice(method), to: &batch)
    batch.append(",\"host\":")
    LogText.appendQuoted(bytes.slice(host), to: &batch)
    batch.append(",\"path\":")
    LogText.appendPath(bytes.slice(path), to: &batch)
    if let route {
      batch.append(",\"route\":")
      batch.append(route)
    }
    batch.append(",\"status\":")
    batch.append(decimal: line.status)
    if let reason = line.reason {
      batch.append(",\"reason\":\"")
      batch.append(reason)
      batch.append("\"")
    }
    if let would = line.wouldRefuse {
      batch.append(",\"would_refuse\":\"")
      batch.append(would)
      batch.append("\"")
    }
    if let server {
      batch.append(",\"upstream\":\"")
      server.appendText(to: &batch)
      batch.append("\",\"upstream_us\":")
      batch.append(decimal: Int(line.upstreamNanoseconds / 1000))
    }
    batch.append(",\"bytes_in\":")
    batch.append(decimal: line.bytesIn)
    batch.append(",\"bytes_out\":")
    batch.append(decimal: line.bytesOut)
    batch.append(",\"duration_us\":")
    batch.append(decimal: Int(line.durationNanoseconds / 1000))
    batch.append("}\n")
    if batch.overflowed {
      // No half lines: the line is taken back and counted.
      batch.rewind(to: start)
      batch.clearOverflow()
      droppedLines += 1
      return
    }
    if lineCount == 0 { firstLineAt = now }
    lineCount += 1
    if batch.readableCount > AccessLog.batchBytes / 4 * 3 { flush() }
  }

  /// When the waiting lines must go out, or nil when none wait.
  var flushDue: Int64? { lineCount == 0 ? nil : firstLineAt + AccessLog.flushInterval }

  /// Hands all waiting lines to the sink.
  func flush() {
    guard let sink, lineCount > 0 else { return }
    if !sink.write([UInt8](copying: batch.readable)) { droppedLines += UInt64(lineCount) }
    batch.clear()
    lineCount = 0
  }
}
