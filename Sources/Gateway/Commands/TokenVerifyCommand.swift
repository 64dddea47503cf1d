// `gateway token verify`: the same verification as on a route, with its reason in words.
//
// What it can't know: revocations (only the running gateway has them) and the route's own
// requirements; `gateway explain` tells those.

import Bytes
import EventLoop
import JSON
import Tokens

enum TokenVerifyCommand {
  static let help = """
    usage: gateway token verify [REALM] TOKEN [OPTIONS]

    Checks a token as a route would: form, signature, class, times, issuer, audience. Exit code 0
    when it is good, 1 with the reason when it is not. Does not know revocations.

      REALM               whose token it is, where the configuration has several realms
      TOKEN               the token, or - to read it from standard input
      --class CLASS       access, refresh or any (any): what the route takes
      --signature-only    form and signature, whatever the payload is
    \(TokenRealmOption.help)

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("token verify", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(
        words, valued: TokenRealmOption.valued + ["--class"], flagged: ["--signature-only"])
      try words.expectOperands(1...2, "TOKEN")
      let classes = try classes(words)
      let name = words.operands.count == 2 ? words.operands[0] : nil
      let token = Array(try TokenWord.read(words.operands.last ?? "").utf8)
      guard let realm = try TokenRealmOption.load(words, name: name, for: .verifying) else {
        return ExitCode.refused
      }
      let verifier = TokenVerifier()
      let now = Clock.realtimeMilliseconds() / 1000
      if words.has("--signature-only") {
        if let reason = verifier.verifySignature(token.span, realm: realm, nowSeconds: now) {
          return refuse(reason)
        }
        Output.answer("the signature is good; claims were not looked at\n")
        return ExitCode.done
      }
      switch verifier.verify(token.span, realm: realm, accepting: classes, nowSeconds: now) {
      case .denied(let reason): return refuse(reason)
      case .undecided:
        Output.complaint("the key set that may hold this token's key is not at hand")
        return ExitCode.refused
      case .accepted(let facts):
        Output.answer(describe(facts, verifier, realm, now))
        return ExitCode.done
      }
    }
  }

  /// What `--class` says.
  static func classes(_ words: CommandWords) throws(UsageMistake) -> AcceptedClasses {
    switch try words.one("--class") {
    case nil, "any": return .any
    case "access": return .access
    case "refresh": return .refresh
    default: throw UsageMistake(message: "--class is one of access, refresh, any")
    }
  }

  private static func refuse(_ reason: DenialReason) -> Int32 {
    Output.answer("refused: \(reason.name): \(reason.meaning)\n")
    Output.explain("gateway token why tells more\n")
    return ExitCode.refused
  }

  private static func describe(
    _ facts: TokenFacts, _ verifier: TokenVerifier, _ realm: Realm, _ now: Int64
  ) -> String {
    // The token is genuine, but its issuer may still have put anything into its texts.
    var rows = [
      ["verified", "\(facts.tokenClass.name) token of realm \(realm.name)"],
      ["key", realm.keyText(Int(facts.keyIndex))],
      ["subject", verifier.subjectText().map { JSONText.quoted($0) } ?? "none"],
      ["id", JSONText.quoted(verifier.tokenIdentifierText())],
    ]
    if facts.issuedAt != TokenFacts.unknownTime {
      rows.append(["issued", moment(facts.issuedAt, now)])
    }
    rows.append(["expires", moment(facts.expiration, now)])
    return TextTable.render(rows)
  }

  private static func moment(_ seconds: Int64, _ now: Int64) -> String {
    "\(TimeText.moment(seconds)), \(TimeText.distance(seconds, from: now))"
  }
}
