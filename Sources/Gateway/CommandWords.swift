// The words behind a command, told apart: options with a value, flags, and the rest.
//
// `--name VALUE` and `--name=VALUE` mean the same, `--` ends the options, and a lone `-` is a word
// (standard input). An unknown option is a mistake, never a word.

import Config

/// A command line that can't be meant.
struct UsageMistake: Error {
  let message: String
}

/// The words of one command.
struct CommandWords {
  private(set) var operands: [String] = []
  private var values: [String: [String]] = [:]
  private var flags: Set<String> = []

  /// Reads words; `valued` and `flagged` are the options that exist, with their dashes.
  init(_ words: [String], valued: [String], flagged: [String]) throws(UsageMistake) {
    var index = 0
    var isOver = false
    while index < words.count {
      let word = words[index]
      index += 1
      if isOver || word == "-" || !word.hasPrefix("-") {
        operands.append(word)
        continue
      }
      if word == "--" {
        isOver = true
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = word.hasPrefix("--") ? String(parts[0]) : word
      if flagged.contains(name), parts.count == 1 || !word.hasPrefix("--") {
        flags.insert(name)
      } else if valued.contains(name) {
        if word.hasPrefix("--"), parts.count == 2 {
          values[name, default: []].append(String(parts[1]))
        } else if index < words.count {
          values[name, default: []].append(words[index])
          index += 1
        } else {
          throw UsageMistake(message: "\(name) needs a value")
        }
      } else {
        // A single letter is near to every other.
        let known = (valued + flagged).filter { $0.hasPrefix("--") && word.hasPrefix("--") }
        let hint = Spelling.suggestion(for: name, among: known)
        throw UsageMistake(message: "there is no option \(name)\(hint.map { "; " + $0 } ?? "")")
      }
    }
  }

  /// True when a flag was given.
  func has(_ flag: String) -> Bool { flags.contains(flag) }

  /// All values of an option, in order.
  func all(_ option: String) -> [String] { values[option] ?? [] }

  /// The value of an option that may be given once.
  func one(_ option: String) throws(UsageMistake) -> String? {
    let all = all(option)
    if all.count > 1 { throw UsageMistake(message: "\(option) is given twice") }
    return all.first
  }

  /// Refuses words beyond those that the command takes.
  func expectOperands(_ counts: ClosedRange<Int>, _ what: String) throws(UsageMistake) {
    if operands.count < counts.lowerBound { throw UsageMistake(message: "\(what) is missing") }
    if operands.count > counts.upperBound {
      throw UsageMistake(message: "\"\(operands[counts.upperBound])\" is one word too many")
    }
  }
}

/// What the commands of this target share.
enum Command {
  /// Answers `--help`, or runs `body` and turns a usage mistake into exit code 2.
  static func run(
    _ name: String, help: String, _ words: [String],
    _ body: (_ words: [String]) throws(UsageMistake) -> Int32
  ) -> Int32 {
    let options = words.prefix { $0 != "--" }
    if options.contains("--help") || options.contains("-h") {
      Output.answer(help)
      return ExitCode.done
    }
    do throws(UsageMistake) {
      return try body(words)
    } catch {
      Output.complaint("\(name): \(error.message)")
      Output.explain("see gateway \(name) --help\n")
      return ExitCode.usage
    }
  }
}
