// `gateway secret new`: random secrets, one or a whole `.env`.
//
// `--env > .env` empties the file before this command runs, so the names come from the
// configuration and from `.env.example`, never from `.env` itself.

import Assembly
import Bytes
import Config
import Crypto
import EventLoop
import Tokens

enum SecretNewCommand {
  static let help = """
    usage: gateway secret new [--bytes N]
           gateway secret new --env [-c FILE] > .env

    Prints a random secret in base64url. With --env: lines for an environment file, one secret for
    each variable that a secret of the configuration names (JWT_ACCESS_SECRET and JWT_REFRESH_SECRET
    without a configuration) or that .env.example gives a placeholder.

      --bytes N   random bytes of each secret, 32 to 512 (32)
      --env       lines for an environment file
      -c FILE     with --env: the configuration (gateway.conf)

    """
  private static let standardNames = ["JWT_ACCESS_SECRET", "JWT_REFRESH_SECRET"]

  static func run(_ words: [String]) -> Int32 {
    Command.run("secret new", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["--bytes", "-c"], flagged: ["--env"])
      try words.expectOperands(0...0, "nothing")
      let byteCount = try byteCount(words)
      guard words.has("--env") else {
        Output.answer(secret(byteCount) + "\n")
        return ExitCode.done
      }
      let path = try ConfigurationOption.path(words)
      var names = configuredNames(path)
      if names.isEmpty { names = standardNames }
      let example = ConfigPath.resolve(".env.example", relativeTo: path)
      for name in exampleNames(example) where !names.contains(name) { names.append(name) }
      let lines = names.map { "\($0)=\(secret(byteCount))\n" }
      Output.answer(
        "# Made by gateway secret new --env. Give the backends the same; never commit this file.\n"
          + lines.joined())
      return ExitCode.done
    }
  }

  private static func byteCount(_ words: CommandWords) throws(UsageMistake) -> Int {
    guard let text = try words.one("--bytes") else { return 32 }
    guard let count = Array(text.utf8).span.decimalValue(), (32...512).contains(count) else {
      throw UsageMistake(message: "--bytes is a number from 32 to 512")
    }
    return count
  }

  private static func secret(_ byteCount: Int) -> String {
    // Judged like any other: a random text could, once in a lifetime, look like a placeholder.
    while true {
      var random = ByteBuffer(capacity: byteCount)
      RandomBytes.append(byteCount, to: &random)
      var text = ByteBuffer(capacity: byteCount * 2)
      Base64URL.encode(random.readable, into: &text)
      if SecretStrength.judge(text.readable) == .ok { return String(lossy: text.readable) }
    }
  }

  /// Variables in the `secret` lines of a configuration, in order; none when it can't be read. Its
  /// mistakes are not this command's business: it is run before the secrets exist.
  private static func configuredNames(_ path: String) -> [String] {
    let directives = ConfigLoader.load(path: path, source: .system, log: DiagnosticLog()) ?? []
    var names: [String] = []
    for setting in SecretSetting.all(in: directives) where setting.source == .secret {
      for name in setting.argument.variables where !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// Variables that the example file gives an empty value or a placeholder: those are to be made.
  private static func exampleNames(_ path: String) -> [String] {
    guard case .bytes(let bytes) = ConfigSource.system.readFile(path, 1 << 20) else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let parts = line.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let name = parts.first, !name.isEmpty,
        name.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") })
      else { return nil }
      switch SecretStrength.judge(Array(parts[1]).span, minimum: 0) {
      case .empty, .knownDefault: return String(decoding: name, as: UTF8.self)
      case .ok, .short: return nil
      }
    }
  }
}
