// The program `demo`: two sample backends and the gateway in front of them, in one process, with the
// repository's own configuration, secrets of this run, and lines to try.
//
// Everything the run writes is in one temporary directory, which goes away with it.

import EventLoop

/// What the words of the command line ask for.
struct DemoOptions {
  static let help = """
    usage: demo [--port N]

    Starts a Flask-style and a NestJS-style sample backend and the gateway in front of them, with this
    repository's gateway.conf and secrets made for the run, and prints lines to try. Ctrl-C ends it;
    nothing is left behind.

      --port N   where the gateway listens, instead of the configuration's port

    """

  var port: UInt16?

  /// Reads the words; ends the process for help and for words that make no sense.
  init(_ words: [String]) {
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--help", "-h":
        Console.say(Self.help)
        System.exit(0)
      case "--port":
        guard let text = rest.popFirst(), let port = UInt16(text) else {
          Console.complain("--port needs a number from 0 to 65535")
          System.exit(2)
        }
        self.port = port
      default:
        Console.complain("unknown word \(word)\n\(Self.help)")
        System.exit(2)
      }
    }
  }
}

let options = DemoOptions(System.arguments)
// Before the first thread: all of them inherit the mask, and the gateway alone sees Ctrl-C.
Signals.block()
System.exit(Demonstration.run(options))
