// The blocking form: for command lines, which have nothing else to do. Never on a loop's thread.

import EventLoop
import HTTPWire

/// A small HTTP/1.1 client: one request, one connection, one bounded answer.
public enum Fetch {
  /// The longest time that `send` waits: a day.
  public static let timeoutMillisecondsMaximum = 86_400_000

  /// Sends a request and waits for the whole answer, at most `timeoutMilliseconds` from connecting to
  /// its last byte. Redirects are not followed.
  public static func send(
    _ request: FetchRequest, timeoutMilliseconds: Int
  ) throws(FetchError) -> FetchResponse {
    let timeout = min(max(timeoutMilliseconds, 0), timeoutMillisecondsMaximum)
    let deadline = Clock.monotonicNanoseconds() + Int64(timeout) * 1_000_000
    let exchange = try FetchExchange(request)
    while true {
      let progress = exchange.advance()
      switch progress {
      case .completed(let response): return response
      case .failed(let error): throw error
      case .waiting:
        // Looked at in every turn, so that bytes that trickle in don't stretch it.
        let left = deadline - Clock.monotonicNanoseconds()
        guard left > 0 else { throw .timedOut }
        do throws(SystemError) {
          _ = try exchange.wait(for: progress, milliseconds: Int((left + 999_999) / 1_000_000))
        } catch {
          throw .broken(error.code)
        }
      }
    }
  }
}
