// A route as the request path needs it: numbers and flags only, a few dozen bytes.

/// A compiled route.
struct CompiledRoute: Sendable {
  /// Marks of `cors` for rules that aren't a policy.
  static let corsPass: Int32 = -1
  static let corsOff: Int32 = -2

  let strippedBytes: Int
  let foldsCase: Bool
  let auth: AuthRule
  let errors: ErrorStyle
  let onSuccess: SuccessMeaning
  /// Index of the first realm, -1 without one.
  let realm: Int32
  /// The others in `PolicySet.furtherRealms`, in their order.
  let firstFurtherRealm: Int32
  let furtherRealmCount: Int32
  /// Index into the place tables, -1 with `auth none`.
  let places: Int32
  /// Index into `PolicySet.requirements`, -1 where the claims don't matter.
  let requirements: Int32
  /// What the place table says, so that most requests need not touch it.
  let readsBearerOnly: Bool
  let readsBody: Bool
  /// The judged token is not forwarded: dropped, or replaced by a minted one.
  let withholdsToken: Bool
  /// Something is minted: in place of the token, or as the signed identity.
  let mints: Bool
  /// Index into `PolicySet.mintTargets` of what takes the token's place, -1 where nothing does.
  let mintTarget: Int32
  /// Index of the CORS policy, or a mark.
  let cors: Int32
  /// Index into `PolicySet.addresses`, -1 where every address may come.
  let addresses: Int32
  /// Index into `PolicySet.answers`, -1 where a backend answers.
  let answer: Int32
  /// True where nothing is refused for its token, its origin or a limit (DESIGN §5.9).
  let isObserved: Bool
  /// The route's part of `PolicySet.routeLimits`.
  let firstLimit: Int32
  let limitCount: Int32
}
