// What a worker does with its upstream connections: open, keep, close.

import EventLoop
import Transport

extension Worker {
  /// What became of opening a connection to a server.
  enum OpenedUpstream {
    case opened(UpstreamConnection)
    /// The server can't be reached, known at once.
    case failed
    /// This machine has no descriptor, port or memory left: not the server's fault.
    case exhausted
  }

  /// Opens a connection, or at least begins to.
  func openUpstream(_ upstream: Int, server: Int) -> OpenedUpstream {
    let address = pools[upstream].address(of: server)
    do throws(SystemError) {
      let stream = try ByteStream.connect(to: address)
      let token = upstreams.reserve()
      let connection = UpstreamConnection(
        token: token, upstream: upstream, server: server, stream: stream)
      upstreams.fill(token, connection)
      do throws(SystemError) {
        try connection.stream.register(with: poller, token: connection.token)
      } catch {
        close(connection)
        return .exhausted
      }
      counters.upstreamConnects += 1
      return .opened(connection)
    } catch {
      return error.isExhaustion ? .exhausted : .failed
    }
  }

  /// Keeps a connection whose answer is complete for the next request.
  func park(_ connection: UpstreamConnection) {
    connection.releaseBuffers(blocks)
    connection.client = 0
    endCount(connection)
    guard !isDraining, pools[connection.upstream].keep(connection) else {
      return close(connection)
    }
    connection.phase = .idle
    let keepIdle = snapshot.upstreams[connection.upstream].keepIdleMilliseconds
    move(connection, to: deadline(inMilliseconds: keepIdle))
  }

  private func endCount(_ connection: UpstreamConnection) {
    guard connection.isCounted else { return }
    connection.isCounted = false
    pools[connection.upstream].ended(server: connection.server)
  }

  /// Closes an upstream connection that is in no pool.
  func close(_ connection: UpstreamConnection) {
    guard connection.phase != .closed else { return }
    connection.phase = .closed
    endCount(connection)
    connection.releaseBuffers(blocks)
    upstreams.remove(connection.token)
    connection.stream.close()
    connections.wake()
  }
}
