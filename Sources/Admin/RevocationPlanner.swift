// From what an operator asks to what the keeper applies: realm, canonical value, and for how long.
//
// How long an entry is kept is `RevocationEntry`'s rule (DESIGN §5.5): a token's own `exp` where it
// is known, otherwise as long as a token issued by then can still be accepted. Control loop only:
// the verifier has scratch; otherwise pure.

import Policy
import Tokens

/// What the keeper is to do.
enum RevocationPlan: Equatable {
  /// Apply this entry.
  case apply(RevocationEntry)
  /// Take this one back.
  case lift(kind: RevocationKind, realm: String, value: String)
  /// The token can't be accepted any more in any case.
  case nothing
}

/// Turns commands into plans.
struct RevocationPlanner {
  private let realms: [Realm]
  /// Indices of the realms that the blocklist covers.
  private let covered: [Int]
  private let verifier = TokenVerifier()

  init(realms: [Realm], covered: [Int]) {
    self.realms = realms
    self.covered = covered
  }

  /// What `/revoke` with this command means.
  func planRevoke(
    _ command: RevocationCommand, nowSeconds: Int64
  ) throws(AdminAnswer) -> RevocationPlan {
    let realm = try realm(named: command.realm)
    var entry: RevocationEntry
    switch command.target {
    case .identifier(let identifier):
      entry = .token(
        identifier: RevocationPlanner.text(ofIdentifier: identifier), realm: realm,
        expiration: command.expires, nowSeconds: nowSeconds)
    case .token(let token):
      guard let facts = try verify(token, realm, nowSeconds) else { return .nothing }
      entry = .token(
        identifier: verifier.tokenIdentifierText(), realm: realm, expiration: facts.expiration,
        nowSeconds: nowSeconds)
    case .subject(let subject):
      entry = .subject(subject, realm: realm, time: command.before ?? nowSeconds)
    case .everyone:
      entry = .everyone(realm: realm, time: command.before ?? nowSeconds)
    }
    if command.before != nil {
      // The lifetime bounds how far away `exp` is when a token is presented, not when it was
      // issued: an old token may come within it later. So a `before` of long ago is kept as long as
      // one of now.
      entry.expiry = max(entry.expiry, RevocationEntry.expiry(realm: realm, time: nowSeconds))
    }
    guard entry.expiry > nowSeconds else { return .nothing }
    return .apply(entry)
  }

  /// What `/unrevoke` with this command means.
  func planLift(
    _ command: RevocationCommand, nowSeconds: Int64
  ) throws(AdminAnswer) -> RevocationPlan {
    let realm = try realm(named: command.realm)
    switch command.target {
    case .identifier(let identifier):
      return .lift(
        kind: .token, realm: realm.name,
        value: RevocationPlanner.text(ofIdentifier: identifier))
    case .token(let token):
      guard try verify(token, realm, nowSeconds) != nil else { return .nothing }
      return .lift(kind: .token, realm: realm.name, value: verifier.tokenIdentifierText())
    case .subject(let subject):
      return .lift(kind: .subject, realm: realm.name, value: subject)
    case .everyone:
      return .lift(kind: .everyone, realm: realm.name, value: "")
    }
  }

  /// The realm of a command. Entries in a realm that nobody checks would be acknowledged and mean
  /// nothing, so they are refused.
  private func realm(named name: String?) throws(AdminAnswer) -> Realm {
    let names = realms.map(\.name)
    let realm: Realm
    if let name {
      guard let found = realms.first(where: { $0.name == name }) else {
        throw .refusal(400, "no realm has this name") { $0.add("realms", names) }
      }
      realm = found
    } else {
      guard let only = realms.first else { throw .refusal(400, "there is no realm") }
      guard realms.count == 1 else {
        throw .refusal(400, "there are several realms: say which") { $0.add("realms", names) }
      }
      realm = only
    }
    guard covered.contains(realm.index) else {
      throw .refusal(400, "the blocklist doesn't cover this realm (`blocklist { realms }`)")
    }
    return realm
  }

  /// The facts of a token that the realm accepts, nil for one that has expired. Only what the
  /// gateway itself verified is revoked by its token: anything else names no token of this realm.
  private func verify(
    _ token: [UInt8], _ realm: Realm, _ nowSeconds: Int64
  ) throws(AdminAnswer) -> TokenFacts? {
    switch verifier.identify(token.span, realm: realm, accepting: .any, nowSeconds: nowSeconds) {
    case .accepted(let facts): return facts
    case .denied(.expired): return nil
    case .denied(let reason):
      throw .refusal(422, "the realm doesn't accept this token") {
        $0.add("reason", word: reason.name)
      }
    case .undecided:
      throw .refusal(503, "the realm's keys are not known at present: try again")
    }
  }

  /// A `jti` as the table and the journal name it (`TokenIdentifier`).
  static func text(ofIdentifier jti: String) -> String { "jti:" + jti }
}
