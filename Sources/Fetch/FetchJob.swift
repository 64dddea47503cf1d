// A fetch of a URL on a loop: the name is resolved elsewhere, the addresses are tried in turn, and
// all of it has one deadline.
//
// Pulled like everything on a loop. The owner starts it, hands over what the resolver found (which
// comes through its mailbox, because looking a name up may block and happens on Dispatch), advances it
// at every event of its token, and once more when the deadline has passed. Redirects are not followed
// and nothing is kept: what an answer is good for is the owner's business.
//
// The next address is tried only when nobody was there: a server that can't prove who it is may be the
// reason to alarm somebody, and is not gone around. Loop only.

import Dispatch
import EventLoop

/// Addresses of a name, or why there are none.
public typealias FetchAddresses = Result<[SocketAddress], ResolverError>

/// One fetch from a name to an answer.
public final class FetchJob {
  /// Addresses that are tried before it is given up.
  public static let attemptsMaximum = 4

  private enum Phase {
    case resolving
    case exchanging(FetchExchange)
    case ended(FetchProgress)
  }

  /// Nanoseconds of the monotonic clock after which there will be no answer.
  public let deadlineNanoseconds: Int64
  private let request: FetchRequest
  private let poller: Poller
  private let token: UInt64
  private var phase = Phase.resolving
  private var addresses: [SocketAddress] = []

  /// Makes a job whose connections are registered with `poller` as `token`. The request's own address
  /// doesn't count.
  public init(
    _ request: FetchRequest, poller: Poller, token: UInt64, deadlineNanoseconds: Int64
  ) {
    self.request = request
    self.poller = poller
    self.token = token
    self.deadlineNanoseconds = deadlineNanoseconds
  }

  /// Looks an endpoint up on Dispatch and calls `found` there: it leaves the result in a mailbox.
  public static func lookUp(
    _ endpoint: Endpoint, _ found: @escaping @Sendable (FetchAddresses) -> Void
  ) {
    DispatchQueue.global(qos: .utility).async {
      do throws(ResolverError) {
        found(.success(try Resolver.resolve(endpoint)))
      } catch {
        found(.failure(error))
      }
    }
  }

  /// The resolver has answered. A second answer, or one after the end, changes nothing.
  public func addressesFound(_ found: FetchAddresses, now: Int64) -> FetchProgress {
    guard case .resolving = phase else { return advance(now: now) }
    switch found {
    case .failure(let error): return end(.failed(.unresolved(error.reason)))
    case .success(let found):
      // Backwards, because the next one is taken from the end.
      addresses = found.prefix(Self.attemptsMaximum).reversed()
      return connect(after: .unresolved("no address"), now: now)
    }
  }

  /// Does what can be done now. After an end it says the same again.
  public func advance(now: Int64) -> FetchProgress {
    switch phase {
    case .ended(let progress): return progress
    case .resolving:
      return now < deadlineNanoseconds ? .waiting(toWrite: false) : end(.failed(.timedOut))
    case .exchanging(let exchange):
      let progress = exchange.advance()
      switch progress {
      case .completed: return end(progress)
      case .waiting: return now < deadlineNanoseconds ? progress : end(.failed(.timedOut))
      case .failed(let error):
        if case .unreachable = error { return connect(after: error, now: now) }
        return end(progress)
      }
    }
  }

  /// Tries the next address, as long as there is one and time.
  private func connect(after error: FetchError, now: Int64) -> FetchProgress {
    guard now < deadlineNanoseconds else { return end(.failed(.timedOut)) }
    guard let address = addresses.popLast() else { return end(.failed(error)) }
    var request = request
    request.address = address
    do throws(FetchError) {
      let exchange = try FetchExchange(request)
      do throws(SystemError) {
        try exchange.register(with: poller, token: token)
      } catch {
        return end(.failed(.broken(error.code)))
      }
      phase = .exchanging(exchange)
      // At most `attemptsMaximum` deep.
      return advance(now: now)
    } catch {
      if case .unreachable = error { return connect(after: error, now: now) }
      return end(.failed(error))
    }
  }

  private func end(_ progress: FetchProgress) -> FetchProgress {
    // The exchange goes away, and its connection with it.
    phase = .ended(progress)
    return progress
  }
}
