// `gateway run`: serve until told to stop.

import Assembly
import EventLoop

enum RunCommand {
  static let help = """
    usage: gateway [run] [-c FILE] [--ready-fd N]

    Serves what the configuration says until SIGTERM or SIGINT; then stops accepting, finishes what is
    in flight and ends with 0. A configuration with a mistake starts nothing.

      -c FILE        the configuration (gateway.conf)
      --ready-fd N   write one line with the bound addresses to this descriptor when serving

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("run", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c", "--ready-fd"], flagged: [])
      try words.expectOperands(0...0, "nothing")
      var descriptor: Int32?
      if let text = try words.one("--ready-fd") {
        guard let number = Int32(text), number >= 0 else {
          throw UsageMistake(message: "--ready-fd needs the number of a descriptor")
        }
        // Before anything is opened: later the number could be one of our own files.
        guard StandardStream.inherited(number).isOpen else {
          throw UsageMistake(message: "--ready-fd \(number) is no open descriptor")
        }
        descriptor = number
      }
      guard let configuration = ConfigurationOption.load(try ConfigurationOption.path(words)) else {
        return ExitCode.refused
      }
      do throws(BootFault) {
        try Boot(configuration, readyDescriptor: descriptor).run()
        return ExitCode.done
      } catch {
        Output.complaint("\(error)")
        return ExitCode.refused
      }
    }
  }
}
