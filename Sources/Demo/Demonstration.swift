// The story of a run: folder, secrets, backends, configuration, gateway, and away with it all.

import Assembly
import Bytes
import Config
import Crypto
import Dispatch
import EventLoop
import Glibc

enum Demonstration {
  /// Runs until a signal; returns the exit code.
  static func run(_ options: DemoOptions) -> Int32 {
    guard let repository = DemoFolder.findRepository() else {
      Console.complain("no gateway.conf here; start the demo in the repository's top directory")
      return 1
    }
    do throws(SystemError) {
      let folder = try DemoFolder()
      defer { folder.remove() }
      return try run(options, repository, folder)
    } catch {
      Console.complain("\(error)")
      return 1
    }
  }

  private static func run(
    _ options: DemoOptions, _ repository: String, _ folder: DemoFolder
  ) throws(SystemError) -> Int32 {
    let secrets = DemoSecrets(access: newSecret(), refresh: newSecret())
    let flask = try SampleServer.start(.flask, secrets)
    let nest = try SampleServer.start(.nest, secrets)

    try folder.copyConfiguration(from: repository, port: try port(options))
    try folder.writeEnvironment([
      ("JWT_ACCESS_SECRET", secrets.access), ("JWT_REFRESH_SECRET", secrets.refresh),
      ("FLASK_ADDR", flask.description), ("NEST_ADDR", nest.description),
    ])

    // The copy's .env alone decides: secrets of the caller's environment belong to other backends.
    var source = ConfigSource.system
    source.environment = { _ in nil }
    let log = DiagnosticLog()
    let configuration = Configuration.load(path: folder.configuration, source: source, log: log)
    guard let configuration else {
      Console.complain("the configuration has mistakes\n" + log.rendered)
      return 1
    }
    let ready = try announceWhenReady(flask: flask, nest: nest)
    let hangup = endWithTerminal()
    defer { hangup.cancel() }
    do throws(BootFault) {
      try Boot(configuration, readyDescriptor: ready).run()
    } catch {
      Console.complain("\(error)")
      return 1
    }
    Console.say("\nThe demo is over; its secrets and files are gone.\n")
    return 0
  }

  /// A gateway outlives the terminal it was started from; the demo must not, or its folder would stay.
  private static func endWithTerminal() -> any DispatchSourceSignal {
    let source = DispatchSource.makeSignalSource(
      signal: SIGHUP, queue: DispatchQueue(label: "demo.hangup"))
    // The gateway ends by SIGTERM, and the demo behind it.
    source.setEventHandler { _ = kill(getpid(), SIGTERM) }
    source.resume()
    return source
  }

  /// 256 bits as text, as a team would put them into its environment.
  private static func newSecret() -> String {
    var bytes = ByteBuffer(capacity: 32)
    RandomBytes.append(32, to: &bytes)
    var text = ByteBuffer(capacity: 64)
    Base64URL.encode(bytes.readable, into: &text)
    return String(lossy: text.readable)
  }

  /// The port to listen on instead of the configuration's, nil to leave that. A port in use is no
  /// reason to fail a first try: then the system chooses.
  private static func port(_ options: DemoOptions) throws(SystemError) -> UInt16? {
    if let port = options.port { return port }
    guard let address = SocketAddress(DemoFolder.configuredListener) else { return nil }
    do throws(SystemError) {
      _ = try ListenerGroup(on: address)
      return nil
    } catch {
      guard error.isAddressInUse else { throw error }
      Console.say("\(address) is in use; the gateway takes another port.\n")
      return 0
    }
  }

  /// Prints the tour once the gateway serves; returns the descriptor that it tells its address to.
  private static func announceWhenReady(
    flask: SocketAddress, nest: SocketAddress
  ) throws(SystemError) -> Int32 {
    var pair = try Socket.makePair()
    let reader = detach(&pair.first)
    let writer = detach(&pair.second)
    _ = try WorkerThread.start(name: "tour") {
      let socket = Socket(adopting: reader)
      var line = ByteBuffer(capacity: 4_096)
      // Blocks this thread only; the gateway closes its end behind the line.
      while (try? socket.wait(toRead: true, toWrite: false, timeoutMilliseconds: -1)) == true {
        guard case .moved(let count) = socket.receive(into: &line), count > 0 else { break }
      }
      let text = String(lossy: line.readable)
      if !text.isEmpty { Console.say(Tour.text(ready: text, flask: flask, nest: nest)) }
    }
    return writer
  }

  private static func detach(_ socket: inout Socket) -> Int32 {
    var taken = Socket(adopting: -1)
    swap(&taken, &socket)
    return taken.detach()
  }
}

/// The secrets of a run, shared by the gateway and both backends.
struct DemoSecrets: Sendable {
  let access: String
  let refresh: String
}

/// What the person in front reads.
enum Console {
  static func say(_ text: String) {
    // Nobody may be reading; the demo goes on all the same.
    try? StandardStream.output.write(text)
  }

  static func complain(_ text: String) {
    try? StandardStream.error.write("demo: \(text)\n")
  }
}
