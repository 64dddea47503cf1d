// From a configuration to a serving process, and to its end.
//
// The order is chosen so that everything that can be wrong is found before the first client is let
// in: names, log, sockets, journal, then threads. The main thread runs the control loop; every worker
// runs on its own thread; Dispatch carries what blocks, and the signals.

import Admin
import Bytes
import Dispatch
import EventLoop
import Policy
import Proxy
import Tokens

/// Starts, serves and stops the gateway.
public struct Boot {
  private let configuration: Configuration
  private let readyDescriptor: Int32?

  /// Prepares to serve `configuration`; `readyDescriptor` is told the bound addresses when serving.
  public init(_ configuration: Configuration, readyDescriptor: Int32? = nil) {
    self.configuration = configuration
    self.readyDescriptor = readyDescriptor
  }

  /// Serves until a signal asks to stop, and what was in flight is done. Call on the main thread
  /// before any other thread exists.
  public func run() throws(BootFault) {
    Signals.block()
    let parts = try Parts(configuration, descriptorLimit: System.raiseDescriptorLimit())
    let loop = try parts.makeControlLoop()
    let signals = SignalRelay(to: parts.control)
    let threads = try parts.startWorkers()
    announce(parts)
    loop.run()
    for thread in threads { thread.join() }
    parts.finish()
    signals.end()
  }

  /// One line on standard error, and the same on the descriptor that asked for it.
  private func announce(_ parts: Parts) {
    for note in parts.snapshot.settings.warnings + parts.notes { warn(note) }
    var line = "listening on " + parts.boundAddresses.joined(separator: ", ")
    if let admin = parts.boundAdmin { line += "; admin " + admin }
    // Nobody may be reading: serving matters more than saying so.
    try? StandardStream.error.write("gateway: " + line + "\n")
    guard let readyDescriptor else { return }
    let ready = StandardStream.inherited(readyDescriptor)
    try? ready.write(line + "\n")
    ready.close()
  }

  private func warn(_ text: String) {
    try? StandardStream.error.write("gateway: warning: " + text + "\n")
  }
}

/// SIGTERM and SIGINT as messages to the control loop, by way of Dispatch.
private struct SignalRelay {
  private let sources: [any DispatchSourceSignal]

  init(to control: Mailbox<ControlMessage>) {
    let queue = DispatchQueue(label: "gateway.signals")
    sources = Signals.stopNumbers.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { control.send(.stop) }
      source.resume()
      return source
    }
  }

  func end() {
    for source in sources { source.cancel() }
  }
}
