// The name of a claim in the configuration: a top-level member, or a path into nested objects.
//
// `realm_access.roles` first means a member of exactly that name (claims are often URLs, which hold
// dots), and only then the member `roles` of `realm_access`.

/// A claim's name or path, ready for lookup.
public struct ClaimPath: Sendable, Hashable {
  /// The path as configured.
  public let text: String
  let whole: [UInt8]
  /// The members to walk; empty when the text can only be a top-level name.
  let steps: [[UInt8]]

  /// Most members a path may walk.
  public static let stepsMaximum = 8

  /// Reads `text`, nil when it is empty, has an empty step, or has too many.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard !parts.contains(where: { $0.isEmpty }), parts.count <= Self.stepsMaximum else {
      return nil
    }
    self.text = text
    whole = bytes
    steps = parts.count == 1 ? [] : parts.map { Array($0) }
  }
}
