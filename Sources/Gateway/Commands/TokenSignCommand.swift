// `gateway token sign`: tokens for trying things out, as the backends would make them.

import Bytes
import Config
import Crypto
import EventLoop
import JSON
import Tokens

enum TokenSignCommand {
  static let help = """
    usage: gateway token sign [REALM] [OPTIONS]

    Prints a token signed with the realm's secret or key: with iat, exp, jti and type, and the realm's
    issuer and audience.

      --sub TEXT          the subject
      --claim NAME=VALUE  another claim; VALUE is JSON where it can be read so, else text
      --refresh           a refresh token (else an access token)
      --expires SECONDS   its life, like 30s, 15m or 7d (the class's lifetime, else 15m)
      --jti ID            its id (else random)
      --kid ID            the kid of its header (else that of the key, if it has one)
      --payload JSON      the whole payload, taken as it is; no other claim is added
      --encrypt FILE      encrypts the token (JWE) for the holder of this key, as --decrypt takes it
    \(TokenRealmOption.help)

    """
  private static let identifierBytes = 16

  static func run(_ words: [String]) -> Int32 {
    Command.run("token sign", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(
        words,
        valued: TokenRealmOption.valued + [
          "--sub", "--claim", "--expires", "--jti", "--kid", "--payload", "--encrypt",
        ],
        flagged: ["--refresh"])
      try words.expectOperands(0...1, "nothing")
      let given = try words.one("--payload")
      if given != nil {
        for option in ["--sub", "--claim", "--expires", "--jti"] where !words.all(option).isEmpty {
          throw UsageMistake(message: "\(option) is part of the payload that --payload gives")
        }
      }
      let claims = try words.all("--claim").map { (text) throws(UsageMistake) in try claim(text) }
      let life = try words.one("--expires").map { (text) throws(UsageMistake) in try seconds(text) }
      let name = words.operands.first
      guard let realm = try TokenRealmOption.load(words, name: name, for: .signing) else {
        return ExitCode.refused
      }
      let tokenClass = words.has("--refresh") ? TokenClass.refresh : .access
      guard let signer = realm.makeSigner(for: tokenClass) else {
        let isThere = tokenClass == .access || realm.hasRefreshClass
        Output.complaint(
          isThere
            ? "realm \(realm.name) has no secret or private key to sign with; see --key"
            : "realm \(realm.name) has no refresh tokens")
        return ExitCode.refused
      }
      var payload = ClaimWriter()
      if let subject = try words.one("--sub") { payload.add("sub", JSONText.quoted(subject)) }
      let now = Clock.realtimeMilliseconds() / 1000
      payload.add("type", JSONText.quoted(realm.typeText(tokenClass)))
      payload.add("iat", "\(now)")
      payload.add("exp", "\(now + (life ?? realm.lifetimeSeconds(tokenClass) ?? 900))")
      payload.add("jti", JSONText.quoted(try words.one("--jti") ?? randomIdentifier()))
      if let issuer = realm.issuerText { payload.add("iss", JSONText.quoted(issuer)) }
      let audiences = realm.audienceTexts.map { JSONText.quoted($0) }
      if let only = audiences.first {
        // One name stands alone, several as a list (RFC 7519 §4.1.3).
        payload.add("aud", audiences.count == 1 ? only : "[\(audiences.joined(separator: ","))]")
      }
      for (name, value) in claims { payload.add(name, value) }
      var token = signer.sign(payload: given ?? payload.text)
      if let identifier = try words.one("--kid") {
        let name = "\"alg\":\"\(signer.algorithm.name)\",\"typ\":\"JWT\""
        token = signer.sign(
          header: "{\(name),\"kid\":\(JSONText.quoted(identifier))}",
          payload: given ?? payload.text)
      }
      if let path = try words.one("--encrypt") {
        guard let key = TokenRealmOption.decryptionKey(path) else { return ExitCode.refused }
        token = TokenSealer(key).seal(token)
      }
      Output.answer(token + "\n")
      return ExitCode.done
    }
  }

  /// `NAME=VALUE` as a name and the text of a JSON value.
  private static func claim(_ text: String) throws(UsageMistake) -> (String, String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw UsageMistake(message: "\"\(text)\" is not NAME=VALUE")
    }
    let value = Array(parts[1].utf8)
    let isJSON = JSONDocument().parse(value.span) == .valid
    return (String(parts[0]), isJSON ? String(parts[1]) : JSONText.quoted(String(parts[1])))
  }

  /// A duration in seconds.
  private static func seconds(_ text: String) throws(UsageMistake) -> Int64 {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    let factor = text.last.flatMap { units[$0] }
    let digits = Array((factor == nil ? text : String(text.dropLast())).utf8)
    // 100 years, so that no sum with a time overflows.
    guard let count = digits.span.decimalValue(), count <= 36_525 * 86_400,
      Int64(count) * (factor ?? 1) <= 36_525 * 86_400
    else {
      throw UsageMistake(message: "\"\(text)\" is not a duration like 30s, 15m or 7d")
    }
    return Int64(count) * (factor ?? 1)
  }

  private static func randomIdentifier() -> String {
    var random = ByteBuffer(capacity: identifierBytes)
    RandomBytes.append(identifierBytes, to: &random)
    var digits = ByteBuffer(capacity: 2 * identifierBytes)
    Hexadecimal.encode(random.readable, into: &digits)
    return String(lossy: digits.readable)
  }
}

/// Members of a JSON object; a later one of a name replaces the earlier one.
private struct ClaimWriter {
  private var members: [(name: String, value: String)] = []

  mutating func add(_ name: String, _ value: String) {
    if let index = members.firstIndex(where: { $0.name == name }) {
      members[index].value = value
    } else {
      members.append((name, value))
    }
  }

  var text: String {
    "{" + members.map { "\(JSONText.quoted($0.name)):\($0.value)" }.joined(separator: ",") + "}"
  }
}
