// The located model: directives with their arguments and blocks, each knowing where it stands.
//
// Includes are already in place and variables already replaced. What a variable held is in `bytes`
// and `text`; what may be printed is `written`, and only that.

import Bytes

/// One argument of a directive.
public struct Argument: Sendable {
  /// Its bytes, variables replaced: a secret may be any bytes.
  public let bytes: [UInt8]
  /// The argument as the file writes it, `${NAME}` unreplaced and literal secrets as stars. The only
  /// form that messages quote.
  public let written: String
  /// Where it stands.
  public let span: SourceSpan
  /// True when it was written in quotes.
  public let isQuoted: Bool
  /// Names of the variables in it, in order.
  public let variables: [String]
  /// False when a mistake in it was reported already; readers then give nil and say nothing.
  public let isUsable: Bool

  /// Its bytes as text.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// One directive with what it encloses.
public struct Directive: Sendable {
  /// Its name.
  public let name: String
  /// Where the name stands.
  public let span: SourceSpan
  /// Its arguments.
  public let arguments: [Argument]
  /// The directives of its block; nil when it ends with a semicolon.
  public let block: [Directive]?
  /// What its block is, when the table knows it there.
  public let opens: Block?
  /// False when its name, place or number of arguments was found wrong: it is not to be judged further.
  public let isSound: Bool

  /// The directives of its block, none when it has no block.
  public var body: [Directive] { block ?? [] }
}

extension [Directive] {
  /// The first sound directive of a name.
  public func first(named name: String) -> Directive? {
    first { $0.isSound && $0.name == name }
  }

  /// All sound directives of a name, in order.
  public func all(named name: String) -> [Directive] {
    filter { $0.isSound && $0.name == name }
  }
}
