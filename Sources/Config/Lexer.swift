// Bytes of one configuration file to words, braces and semicolons.
//
// The grammar is nginx's: a word is bare or in double quotes (`\"`, `\\` and `\$` inside), `#` at the
// start of a word begins a comment, a word never spans lines. `${NAME}` and `${NAME:-default}` become
// pieces of a word here and text later, so that what a variable holds is never read as grammar. A
// mistake is reported and the broken word handed on, marked: its directive is not judged further.

import Bytes

/// A part of a word.
enum Piece: Equatable {
  /// Bytes as written, escapes undone; `range` is what they were written as.
  case literal([UInt8], range: ByteRange)
  /// `${name}` or `${name:-fallback}`.
  case variable(name: String, fallback: [UInt8]?, range: ByteRange, fallbackRange: ByteRange)
}

/// A word or a mark.
struct Token {
  enum Kind: UInt8 {
    case word
    case open
    case close
    case semicolon
    case end
  }

  var kind: Kind
  /// The bytes of the file that it covers, quotes included.
  var range: ByteRange
  /// Empty for marks.
  var pieces: [Piece] = []
  var isQuoted = false
  /// True when nothing but white space stands before it on its line.
  var isFirstOnLine = false
  /// True when a mistake in it was reported.
  var isBroken = false

  /// The bytes as written if the word holds no variable.
  var literalText: String? {
    var out: [UInt8] = []
    for piece in pieces {
      guard case .literal(let bytes, _) = piece else { return nil }
      out += bytes
    }
    return kind == .word ? String(decoding: out, as: UTF8.self) : nil
  }
}

/// Reads one file of the map.
struct Lexer {
  private let fileIndex: Int
  private let bytes: [UInt8]
  private let log: DiagnosticLog
  private var at = 0
  private var lineHasToken = false

  /// The words and marks of a file, ended by `.end`.
  static func tokens(ofFile fileIndex: Int, log: DiagnosticLog) -> [Token] {
    var lexer = Lexer(fileIndex: fileIndex, log: log)
    return lexer.run()
  }

  private init(fileIndex: Int, log: DiagnosticLog) {
    self.fileIndex = fileIndex
    self.log = log
    bytes = log.sources.files[fileIndex].bytes
  }

  private mutating func run() -> [Token] {
    // Editors on Windows put a byte order mark in front; it means nothing.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    var tokens: [Token] = []
    if let offset = firstInvalidUTF8(bytes) {
      report("the file is not UTF-8 from here on", offset, offset + 1, hint: nil)
      tokens.append(Token(kind: .end, range: ByteRange(bytes.count, bytes.count)))
      return tokens
    }
    while true {
      skipBlanks()
      let isFirst = !lineHasToken
      var token = nextToken()
      token.isFirstOnLine = isFirst
      lineHasToken = true
      tokens.append(token)
      if token.kind == .end { return tokens }
    }
  }

  private mutating func skipBlanks() {
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\n"):
        lineHasToken = false
        at += 1
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        at += 1
      case UInt8(ascii: "#"):
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
        log.sources.hideComment(fileIndex, ByteRange(start, at))
      default:
        return
      }
    }
  }

  private mutating func nextToken() -> Token {
    guard at < bytes.count else { return Token(kind: .end, range: ByteRange(at, at)) }
    switch bytes[at] {
    case UInt8(ascii: "{"): return mark(.open)
    case UInt8(ascii: "}"): return mark(.close)
    case UInt8(ascii: ";"): return mark(.semicolon)
    case UInt8(ascii: "\""): return quotedWord()
    default: return bareWord()
    }
  }

  private mutating func mark(_ kind: Token.Kind) -> Token {
    at += 1
    return Token(kind: kind, range: ByteRange(at - 1, at))
  }

  /// A word up to white space or a mark. Quotes and backslashes in it are mistakes, because people
  /// who write them mean something by it.
  private mutating func bareWord() -> Token {
    var token = Token(kind: .word, range: ByteRange(at, at))
    let start = at
    var mistake: (message: String, offset: Int, hint: String)?
    var literal: [UInt8] = []
    var literalStart = at
    while at < bytes.count, !endsBareWord(bytes[at]) {
      let byte = bytes[at]
      if byte == UInt8(ascii: "$"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "{") {
        flush(&literal, from: literalStart, into: &token)
        if !variable(into: &token) { token.isBroken = true }
        literalStart = at
        continue
      }
      if mistake == nil {
        switch byte {
        case UInt8(ascii: "'") where at == start:
          mistake = ("single quotes do not quote here", at, "use double quotes: \"…\"")
        case UInt8(ascii: "\""):
          mistake = ("a quote inside a word", at, "quote the whole argument: \"…\"")
        case UInt8(ascii: "\\"):
          mistake = (
            "a backslash outside quotes", at, "quote the argument and write \\\\ for a backslash"
          )
        case 0..<0x20, 0x7F:
          mistake = ("a control character", at, "only printable text is allowed here")
        default: break
        }
      }
      literal.append(byte)
      at += 1
    }
    flush(&literal, from: literalStart, into: &token)
    token.range = ByteRange(start, at)
    if let mistake {
      report(mistake.message, mistake.offset, mistake.offset + 1, hint: mistake.hint)
      token.isBroken = true
    }
    checkLength(&token)
    return token
  }

  /// A word in double quotes on one line.
  private mutating func quotedWord() -> Token {
    let start = at
    var token = Token(kind: .word, range: ByteRange(at, at), isQuoted: true)
    var literal: [UInt8] = []
    at += 1
    var literalStart = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\n") {
      let byte = bytes[at]
      if byte == UInt8(ascii: "$"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "{") {
        flush(&literal, from: literalStart, into: &token)
        if !variable(into: &token) { token.isBroken = true }
        literalStart = at
      } else if byte == UInt8(ascii: "\\") {
        if let escaped = escape() { literal.append(escaped) } else { token.isBroken = true }
      } else {
        if byte < 0x20 && byte != UInt8(ascii: "\t") && byte != UInt8(ascii: "\r") || byte == 0x7F {
          report("a control character", at, at + 1, hint: "only printable text is allowed here")
          token.isBroken = true
        }
        literal.append(byte)
        at += 1
      }
    }
    flush(&literal, from: literalStart, into: &token)
    if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
      at += 1
      if at < bytes.count, !endsBareWord(bytes[at]) {
        report(
          "text right after a closing quote", at, at + 1,
          hint: "separate arguments with a space, or quote the whole argument")
        token.isBroken = true
        while at < bytes.count, !endsBareWord(bytes[at]) { at += 1 }
      }
    } else {
      report(
        "this quote is not closed on its line", start, start + 1,
        hint: "close it with \", and write \\\" for a quote inside")
      token.isBroken = true
    }
    token.range = ByteRange(start, at)
    checkLength(&token)
    return token
  }

  /// Undoes `\"`, `\\` or `\$`; nil and a report for anything else.
  private mutating func escape() -> UInt8? {
    let start = at
    at += 1
    let byte = at < bytes.count ? bytes[at] : UInt8(ascii: "\n")
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"):
      at += 1
      return byte
    default:
      report("an unknown escape", start, start + 1, hint: "only \\\", \\\\ and \\$ exist")
      return nil
    }
  }

  /// Reads `${NAME}` or `${NAME:-default}`; false and a report when it is neither.
  private mutating func variable(into token: inout Token) -> Bool {
    let start = at
    at += 2
    let nameStart = at
    while at < bytes.count, isNameByte(bytes[at], first: at == nameStart) { at += 1 }
    let nameEnd = at
    var fallbackRange = ByteRange.empty
    var fallback: [UInt8]?
    if at + 1 < bytes.count, bytes[at] == UInt8(ascii: ":"), bytes[at + 1] == UInt8(ascii: "-") {
      at += 2
      let fallbackStart = at
      while at < bytes.count, !endsFallback(bytes[at]) { at += 1 }
      fallbackRange = ByteRange(fallbackStart, at)
      fallback = Array(bytes[fallbackStart..<at])
    }
    let isClosed = at < bytes.count && bytes[at] == UInt8(ascii: "}")
    guard isClosed, nameEnd > nameStart else {
      report(
        isClosed ? "a variable without a name" : "this variable is not written ${NAME}", start,
        Swift.min(at + 1, bytes.count),
        hint: "write ${NAME} or ${NAME:-default}; NAME is letters, digits and _, not first a digit")
      // Up to the brace that was meant, so that it doesn't end a block.
      while at < bytes.count, !endsFallback(bytes[at]), !endsBareWord(bytes[at]) { at += 1 }
      if at < bytes.count, bytes[at] == UInt8(ascii: "}") { at += 1 }
      let range = ByteRange(start, at)
      token.pieces.append(.literal(Array(bytes[start..<at]), range: range))
      return false
    }
    at += 1
    let name = String(decoding: bytes[nameStart..<nameEnd], as: UTF8.self)
    token.pieces.append(
      .variable(
        name: name, fallback: fallback, range: ByteRange(start, at), fallbackRange: fallbackRange))
    return true
  }

  private func flush(_ literal: inout [UInt8], from start: Int, into token: inout Token) {
    if literal.isEmpty { return }
    token.pieces.append(.literal(literal, range: ByteRange(start, at)))
    literal = []
  }

  private mutating func checkLength(_ token: inout Token) {
    guard token.range.count > ConfigLimits.wordBytesMaximum else { return }
    report(
      "a word of more than \(ConfigLimits.wordBytesMaximum) bytes", token.range.lower,
      token.range.lower + 1, hint: nil)
    token.isBroken = true
    // What was too long is not carried along.
    token.pieces = []
  }

  private func report(_ message: String, _ lower: Int, _ upper: Int, hint: String?) {
    log.error(message, at: log.sources.span(fileIndex, lower, upper), hint: hint)
  }
}

/// White space and marks end a bare word.
private func endsBareWord(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"),
    UInt8(ascii: ";"), UInt8(ascii: "{"), UInt8(ascii: "}"):
    return true
  default: return false
  }
}

/// A default reaches to the brace; it can't hold one, nor a line end or a quote.
private func endsFallback(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: "}") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\"")
}

/// `[A-Za-z_][A-Za-z0-9_]*`, as shells and `.env` readers have it.
func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
  if byte == UInt8(ascii: "_") { return true }
  if first { return byte.isASCIIAlphanumeric && !(byte &- UInt8(ascii: "0") < 10) }
  return byte.isASCIIAlphanumeric
}

/// Offset of the first byte that isn't part of well-formed UTF-8, or nil.
private func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
  var decoder = Unicode.UTF8.ForwardParser()
  var iterator = bytes.makeIterator()
  var offset = 0
  while true {
    switch decoder.parseScalar(from: &iterator) {
    case .valid(let scalar): offset += scalar.count
    case .error: return offset
    case .emptyInput: return nil
    }
  }
}
