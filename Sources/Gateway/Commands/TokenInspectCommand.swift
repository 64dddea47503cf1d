// `gateway token inspect`: what a token says, without asking whether it is true.
//
// Needs no configuration and no secret. The parts are parsed as strictly as a route would, and
// written anew from the parsed form, so that nothing in a token can act on the terminal.

import Bytes
import EventLoop
import HTTPWire
import JSON
import Tokens

enum TokenInspectCommand {
  static let help = """
    usage: gateway token inspect TOKEN

    Shows a token's header and claims. Checks no signature, so anybody may have written what it
    shows; `gateway token verify` checks. As everywhere -c FILE may be said, and nothing of it is
    read.

      TOKEN   the token, or - to read it from standard input

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("token inspect", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c"], flagged: [])
      try words.expectOperands(1...1, "TOKEN")
      let token = try TokenWord.read(words.operands[0])
      let parts = token.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 3, token.utf8.count <= TokenVerifier.tokenBytesDefault else {
        Output.complaint(
          parts.count == 3
            ? "the token has more than \(TokenVerifier.tokenBytesDefault) bytes"
            : "not a token: \(parts.count) parts between dots, where a token has 3")
        return ExitCode.refused
      }
      do throws(PartFault) {
        let header = try Part(parts[0], "header")
        let payload = try Part(parts[1], "payload")
        Output.answer(describe(header, payload))
        return ExitCode.done
      } catch {
        Output.complaint("the \(error.part) is malformed: \(error.message)")
        return ExitCode.refused
      }
    }
  }

  private static func describe(_ header: Part, _ payload: Part) -> String {
    var text = """
      NOT VERIFIED: the signature was not checked, anybody may have written this.

      header
      \(header.rendered)
      payload
      \(payload.rendered)

      """
    let now = Clock.realtimeMilliseconds() / 1000
    for (name, label) in [
      ("iat", "issued"), ("nbf", "not before"), ("exp", "expires"),
    ] as [(StaticString, String)] {
      guard let seconds = payload.seconds(name) else { continue }
      text += "\(label): \(TimeText.moment(seconds)), \(TimeText.distance(seconds, from: now))\n"
    }
    return text
  }
}

/// Why a part can't be shown.
private struct PartFault: Error {
  let part: String
  let message: String
}

/// One decoded and parsed part of a token.
private struct Part {
  private let text: [UInt8]
  private let document = JSONDocument()

  init(_ segment: Substring, _ name: String) throws(PartFault) {
    let letters = Array(segment.utf8)
    var decoded = ByteBuffer(capacity: letters.count + 4)
    guard Base64URL.decode(letters.span, into: &decoded) else {
      throw PartFault(part: name, message: "not strict base64url")
    }
    text = [UInt8](copying: decoded.readable)
    if case .invalid(let fault, let offset) = document.parse(text.span) {
      throw PartFault(part: name, message: "no JSON, \(fault.name) at byte \(offset)")
    }
    guard document.kind(0) == .object else {
      throw PartFault(part: name, message: "JSON, but no object")
    }
  }

  var rendered: String { JSONLayout(document).render(text.span) }

  func seconds(_ name: StaticString) -> Int64? {
    document.member(name, of: 0, in: text.span).flatMap { document.seconds($0, in: text.span) }
  }
}

/// A token on the command line.
enum TokenWord {
  /// The word, or standard input's first line for `-`; a pasted `Bearer` is dropped.
  static func read(_ word: String) throws(UsageMistake) -> String {
    withoutScheme(word == "-" ? try StandardInput.firstLine() : word)
  }

  /// The first line of a file, or of standard input for `-`; nil after a report.
  static func read(file path: String) throws(UsageMistake) -> String? {
    if path == "-" { return try read("-") }
    do throws(SystemError) {
      let bytes = try Files.read(path, bytesMaximum: 64 << 10)
      let line = bytes.prefix { $0 != UInt8(ascii: "\n") }.filter { $0 != UInt8(ascii: "\r") }
      return withoutScheme(String(decoding: line, as: UTF8.self))
    } catch {
      Output.complaint("\(path): \(error.reason)")
      return nil
    }
  }

  private static func withoutScheme(_ text: String) -> String {
    let prefix = "Bearer "
    return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
  }
}

/// Times for people.
enum TimeText {
  /// The moment in words, or the number itself where a calendar ends.
  static func moment(_ seconds: Int64) -> String {
    // From 1970 to the end of the year 9999.
    guard (0..<253_402_300_800).contains(seconds) else { return "\(seconds)" }
    var buffer = ByteBuffer(capacity: 64)
    HTTPDate.append(epochSeconds: seconds, to: &buffer)
    return String(lossy: buffer.readable)
  }

  /// `in 15m`, or `5s ago`.
  static func distance(_ seconds: Int64, from now: Int64) -> String {
    let (difference, overflow) = seconds.subtractingReportingOverflow(now)
    if overflow { return seconds < 0 ? "long ago" : "in an eternity" }
    if difference == 0 { return "now" }
    let text = span(difference.magnitude)
    return difference >= 0 ? "in \(text)" : "\(text) ago"
  }

  private static func span(_ seconds: UInt64) -> String {
    switch seconds {
    case ..<120: "\(seconds)s"
    case ..<7200: "\(seconds / 60)m"
    case ..<172_800: "\(seconds / 3600)h"
    default: "\(seconds / 86_400)d"
    }
  }
}
