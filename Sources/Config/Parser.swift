// Words and marks to the located model, with every file that is included and every variable replaced.
//
// It recovers: after a mistake it goes on with the next directive, so that one run reports all of
// them. A forgotten semicolon is noticed when a line begins with a directive's name; a forgotten brace
// is told at the line that opened the block. Depth, files and directives are bounded. No file is
// opened here but through the `ConfigSource`.

import Bytes

/// Reads a configuration.
public enum ConfigLoader {
  /// The directives of the configuration at `path`; mistakes go to the log, and what was understood
  /// comes back all the same so that it can be judged too. Nil when there is nothing to judge.
  public static func load(
    path: String, source: ConfigSource, log: DiagnosticLog
  ) -> [Directive]? {
    var parser = Parser(source: source, log: log)
    return parser.parseMain(ConfigPath.normalized(path))
  }

  /// The `admin` line alone, for commands that talk to a running gateway: they need no secret, so
  /// whatever else is wrong or unset is not their business. Nil when there is none; mistakes of the
  /// line itself and of the main file's reading go to the log.
  public static func adminDirective(
    path: String, source: ConfigSource, log: DiagnosticLog
  ) -> Directive? {
    let quiet = DiagnosticLog()
    var parser = Parser(source: source, log: quiet)
    guard let directives = parser.parseMain(ConfigPath.normalized(path)) else {
      for diagnostic in quiet.diagnostics where diagnostic.line == 0 {
        log.error(diagnostic.message, inFile: diagnostic.file, hint: diagnostic.hint)
      }
      return nil
    }
    guard let admin = directives.first(named: "admin") else { return nil }
    if let argument = admin.arguments.first, !argument.isUsable {
      log.error(
        "\(argument.span.place): the admin address \(argument.written) can't be read",
        inFile: path, hint: "set its variable, or give the address with --admin")
      return nil
    }
    return admin
  }
}

/// The state of one reading.
struct Parser {
  let source: ConfigSource
  let log: DiagnosticLog
  /// Variables of the environment files; the real environment beats them.
  var fileVariables: [String: [UInt8]] = [:]
  /// The environment files that were named and not there.
  var missingEnvFiles: [String] = []
  var readEnvFiles: [String] = []
  private var directiveCount = 0
  private var saidTooMany = false
  /// True while blocks are left that were found unclosed, up to the file's own level.
  private var isUnwinding = false

  init(source: ConfigSource, log: DiagnosticLog) {
    self.source = source
    self.log = log
  }

  /// One file's tokens and how far they were read.
  struct Cursor {
    let fileIndex: Int
    let tokens: [Token]
    /// Files from the main one to this, to find circles.
    let stack: [String]
    /// The block that the file as a whole stands in.
    let context: Block?
    var at = 0

    var token: Token { tokens[at] }
    mutating func advance() { if at + 1 < tokens.count { at += 1 } }
  }

  /// Reads the main file and all that it names.
  mutating func parseMain(_ path: String) -> [Directive]? {
    guard let index = open(path, namedAt: nil, command: "configuration") else { return nil }
    let tokens = Lexer.tokens(ofFile: index, log: log)
    var cursor = Cursor(fileIndex: index, tokens: tokens, stack: [path], context: .top)
    readEnvironmentFiles(cursor)
    let directives = parseFile(&cursor, depth: 0)
    return directives
  }

  mutating func parseFile(_ cursor: inout Cursor, depth: Int) -> [Directive] {
    var directives: [Directive] = []
    while true {
      directives += parseBlock(&cursor, context: cursor.context, isFileLevel: true, depth: depth)
      if cursor.token.kind == .end { break }
      if isUnwinding {
        isUnwinding = false
        continue
      }
      report("a } that closes nothing", cursor, cursor.token.range, hint: "remove it")
      cursor.advance()
    }
    isUnwinding = false
    SchemaCheck.repetitions(in: directives, context: cursor.context, log: log)
    return directives
  }

  /// Directives up to a closing brace or the end, which is left to the caller.
  private mutating func parseBlock(
    _ cursor: inout Cursor, context: Block?, isFileLevel: Bool, depth: Int
  ) -> [Directive] {
    var directives: [Directive] = []
    var literalSecretLine = 0
    while cursor.token.kind != .close && cursor.token.kind != .end {
      if !isFileLevel, isOutdented(cursor, context: context) { isUnwinding = true }
      if isUnwinding { break }
      switch cursor.token.kind {
      case .semicolon:
        let afterBlock = cursor.at > 0 && cursor.tokens[cursor.at - 1].kind == .close
        report(
          "a ; that ends nothing", cursor, cursor.token.range,
          hint: afterBlock ? "a block ends with } alone" : "remove it")
        cursor.advance()
      case .open:
        report(
          "a block without a name", cursor, cursor.token.range,
          hint: "a directive's name stands before {")
        // Nothing is known about what is in it.
        _ = parseBody(&cursor, opens: nil, depth: depth)
      default:
        directives += parseDirective(
          &cursor, context: context, depth: depth, secretLine: &literalSecretLine)
      }
    }
    return directives
  }

  /// True at a directive that begins a line without indentation, can't stand in this block and can at
  /// the file's own level: a brace was forgotten before it.
  private func isOutdented(_ cursor: Cursor, context: Block?) -> Bool {
    let token = cursor.token
    guard token.isFirstOnLine, let outer = cursor.context, let name = token.literalText,
      log.sources.span(cursor.fileIndex, token.range.lower, token.range.upper).column == 1
    else { return false }
    if let context, Schema.rule(name, in: context) != nil { return false }
    return Schema.rule(name, in: outer) != nil
  }

  /// One directive; several when it is an include.
  private mutating func parseDirective(
    _ cursor: inout Cursor, context: Block?, depth: Int, secretLine: inout Int
  ) -> [Directive] {
    let nameToken = cursor.token
    let name = nameToken.literalText ?? ""
    let nameSpan = log.sources.span(
      cursor.fileIndex, nameToken.range.lower, nameToken.range.upper)
    cursor.advance()
    let rule = context.flatMap { Schema.rule(name, in: $0) }
    let words = argumentTokens(&cursor, context: context)
    // A ; or { inside an unquoted secret makes the rest of it look like a directive; and `SECRET=…`
    // is a line of another kind of file.
    if rule == nil, nameSpan.line == secretLine || !name.utf8.allSatisfy(isDirectiveNameByte) {
      log.sources.mask(cursor.fileIndex, nameToken.range)
    }
    if maskSecrets(of: name, isKnown: rule != nil, words, in: cursor.fileIndex) {
      secretLine = nameSpan.line
    }
    let arguments = words.map { expand($0, in: cursor.fileIndex) }

    directiveCount += 1
    if directiveCount > ConfigLimits.directiveCountMaximum {
      if !saidTooMany {
        log.error(
          "more than \(ConfigLimits.directiveCountMaximum) directives", at: nameSpan, hint: nil)
      }
      saidTooMany = true
    }

    if name == "include", !nameToken.isQuoted, cursor.token.kind != .open {
      endDirective(&cursor, after: words.last ?? nameToken, name: name)
      guard rule != nil || context == nil, !saidTooMany else { return [] }
      return include(arguments, nameSpan, cursor: cursor, context: context, depth: depth)
    }

    var block: [Directive]?
    if cursor.token.kind == .open {
      let open = cursor.token.range
      block = parseBody(&cursor, opens: rule?.opens, depth: depth)
      if Schema.isSecretLike(name) {
        let end = cursor.at > 0 ? cursor.tokens[cursor.at - 1].range.upper : open.upper
        log.sources.mask(cursor.fileIndex, ByteRange(open.upper, end))
      }
    } else {
      endDirective(&cursor, after: words.last ?? nameToken, name: name)
    }
    if saidTooMany { return [] }
    var isSound = !nameToken.isBroken && nameToken.literalText != nil
    if !isSound, !nameToken.isBroken {
      log.error(
        "a directive's name can't come from a variable", at: nameSpan, hint: "write the name out")
    } else if isSound, let context {
      isSound = SchemaCheck.directive(
        name, nameSpan, arguments: arguments, hasBlock: block != nil, context: context,
        written: log.sources.written(cursor.fileIndex, nameToken.range), log: log)
    }
    return [
      Directive(
        name: name, span: nameSpan, arguments: arguments, block: block, opens: rule?.opens,
        isSound: isSound)
    ]
  }

  /// The words up to a mark. A line that begins with the name of a directive that may stand here is
  /// taken for the next directive, and the missing semicolon is told at the end of the line before.
  private func argumentTokens(_ cursor: inout Cursor, context: Block?) -> [Token] {
    var words: [Token] = []
    var isOverlong = false
    while cursor.token.kind == .word {
      let token = cursor.token
      if token.isFirstOnLine, !token.isQuoted, let text = token.literalText, let context,
        Schema.rule(text, in: context) != nil
      {
        break
      }
      if words.count == ConfigLimits.argumentCountMaximum, !isOverlong {
        isOverlong = true
        report(
          "more than \(ConfigLimits.argumentCountMaximum) arguments", cursor, token.range,
          hint: "is a ; missing?")
      }
      if !isOverlong { words.append(token) }
      cursor.advance()
    }
    return words
  }

  /// Takes the semicolon, or says that it is missing.
  private func endDirective(_ cursor: inout Cursor, after last: Token, name: String) {
    if cursor.token.kind == .semicolon {
      cursor.advance()
      return
    }
    // Pointed at behind the last word, where the semicolon belongs. A broken word explains itself.
    if last.isBroken { return }
    report(
      "a ; is missing here", cursor, ByteRange(last.range.upper, last.range.upper + 1),
      hint: "every directive ends with ; or a block")
  }

  private mutating func parseBody(
    _ cursor: inout Cursor, opens: Block?, depth: Int
  ) -> [Directive] {
    let open = cursor.token
    cursor.advance()
    if depth + 1 > ConfigLimits.blockDepthMaximum {
      report(
        "blocks nested deeper than \(ConfigLimits.blockDepthMaximum)", cursor, open.range, hint: nil
      )
      skipBlock(&cursor)
      return []
    }
    let directives = parseBlock(
      &cursor, context: opens, isFileLevel: false, depth: depth + 1)
    SchemaCheck.repetitions(in: directives, context: opens, log: log)
    if cursor.token.kind == .close, !isUnwinding {
      cursor.advance()
    } else {
      report("this block is never closed", cursor, open.range, hint: "a } is missing")
    }
    return directives
  }

  /// Skips to the brace that closes the block whose opening brace was just read: a loop, because what
  /// is nested too deep must not be recursed into.
  private func skipBlock(_ cursor: inout Cursor) {
    var depth = 1
    while cursor.token.kind != .end {
      if cursor.token.kind == .open { depth += 1 }
      if cursor.token.kind == .close { depth -= 1 }
      cursor.advance()
      if depth == 0 { return }
    }
  }

  /// Registers what must not be printed: literals after a secret's name, wherever it stands among the
  /// words, and all literals of a directive that nobody knows.
  private func maskSecrets(
    of name: String, isKnown: Bool, _ words: [Token], in fileIndex: Int
  ) -> Bool {
    var isSecret = isKnown ? Schema.isSecretLike(name) : !Schema.isShowable(name)
    var masked = false
    for (index, word) in words.enumerated() where !Self.isUntilDay(index, of: name, words) {
      if isSecret {
        if word.isBroken { log.sources.mask(fileIndex, word.range) }
        for piece in word.pieces {
          switch piece {
          case .literal(_, let range): log.sources.mask(fileIndex, range)
          case .variable(_, let fallback, _, let range):
            if fallback?.isEmpty == false { log.sources.mask(fileIndex, range) }
            continue
          }
          masked = true
        }
        if word.isBroken { masked = true }
      } else if let text = word.literalText, !word.isQuoted, Schema.isSecretLike(text) {
        isSecret = true
      }
    }
    return masked && Schema.isSecretLike(name)
  }

  /// True for `until DAY` behind a previous secret: it is none, and without it nobody could see what
  /// is wrong with a day. What has more than digits, `-`, `.` and `/` may be a piece of a secret.
  private static func isUntilDay(_ index: Int, of name: String, _ words: [Token]) -> Bool {
    guard name == "previous", words.count == 3, index > 0, words[1].literalText == "until" else {
      return false
    }
    guard index == 2 else { return true }
    guard let day = words[2].literalText?.utf8, day.count <= 10 else { return false }
    return day.allSatisfy { (UInt8(ascii: "-")...UInt8(ascii: "9")) ~= $0 }
  }

  private func report(_ message: String, _ cursor: Cursor, _ range: ByteRange, hint: String?) {
    log.error(
      message, at: log.sources.span(cursor.fileIndex, range.lower, range.upper), hint: hint)
  }
}

/// What directives' names are made of; a word with anything else may be more than a name.
private func isDirectiveNameByte(_ byte: UInt8) -> Bool {
  isNameByte(byte, first: false) || byte == UInt8(ascii: "-")
}
