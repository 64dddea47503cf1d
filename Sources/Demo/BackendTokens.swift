// The tokens of a sample backend: what its JWT library would do, with the realm it would configure.

import Bytes
import Crypto
import EventLoop
import Tokens

/// A user of both backends.
struct Account: Sendable {
  let id: String
  let email: String
  let password: String

  /// The one account of the demo.
  static let ada = Account(id: "user-ada", email: "ada@example.com", password: "correct horse")

  /// The account with these credentials.
  static func find(email: String?, password: String?) -> Account? {
    email == ada.email && password == ada.password ? ada : nil
  }
}

/// What a verified token says.
struct Identity {
  let subject: String
  let email: String?
}

/// Signs and verifies a backend's tokens. One thread.
final class BackendTokens {
  static let accessSeconds: Int64 = 15 * 60
  static let refreshSeconds: Int64 = 7 * 86_400

  private let realm: Realm
  private let access: TokenSigner
  private let refresh: TokenSigner
  private let verifier = TokenVerifier()
  private let emailClaim: ClaimPath

  /// Nil when the secrets make no realm, which those of the demo never do.
  init?(_ preset: TokenPreset, _ secrets: DemoSecrets) {
    var definition = RealmDefinition(name: "sample", index: 0)
    definition.preset = preset
    definition.access = ClassDefinition(
      secret: SecretDefinition(text: secrets.access), lifetimeSeconds: Self.accessSeconds)
    definition.refresh = ClassDefinition(
      secret: SecretDefinition(text: secrets.refresh), lifetimeSeconds: Self.refreshSeconds)
    guard let realm = try? Realm(definition),
      let access = realm.makeSigner(for: .access), let refresh = realm.makeSigner(for: .refresh),
      let emailClaim = ClaimPath("email")
    else { return nil }
    self.realm = realm
    self.access = access
    self.refresh = refresh
    self.emailClaim = emailClaim
  }

  /// Seconds since 1970.
  static var now: Int64 { Clock.realtimeMilliseconds() / 1_000 }

  /// A random identifier for `jti`.
  static func newIdentifier() -> String {
    var bytes = ByteBuffer(capacity: 16)
    RandomBytes.append(16, to: &bytes)
    var text = ByteBuffer(capacity: 32)
    Hexadecimal.encode(bytes.readable, into: &text)
    return String(lossy: text.readable)
  }

  /// A signed token with a payload's JSON text.
  func sign(_ tokenClass: TokenClass, payload: String) -> String {
    switch tokenClass {
    case .access: access.sign(payload: payload)
    case .refresh: refresh.sign(payload: payload)
    }
  }

  /// Verifies a token: who it is, or why not.
  func verify(
    _ token: [UInt8]?, accepting: AcceptedClasses
  ) -> Result<Identity, SampleDenial> {
    guard let token else { return .failure(SampleDenial(reason: .missing)) }
    switch verifier.verify(
      token.span, realm: realm, accepting: accepting, nowSeconds: Self.now)
    {
    case .denied(let reason): return .failure(SampleDenial(reason: reason))
    // A sample backend has its secrets and nothing to wait for.
    case .undecided: return .failure(SampleDenial(reason: .unknownKey))
    case .accepted:
      var email = ByteBuffer(capacity: 1_024)
      let hasEmail = verifier.appendClaim(emailClaim, to: &email)
      return .success(
        Identity(
          subject: verifier.subjectText() ?? "",
          email: hasEmail ? String(lossy: email.readable) : nil))
    }
  }
}

/// Why a sample backend refuses a token.
struct SampleDenial: Error {
  let reason: DenialReason
}
