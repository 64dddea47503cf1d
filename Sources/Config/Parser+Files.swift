// The parser's way to files and variables: environment files, includes, `${NAME}`.
//
// Nothing is opened but through the `ConfigSource`; circles, depth and the number of files are bounded.
// A variable is replaced once and what it held is never read again.

import Bytes

extension Parser {
  /// Replaces a word's variables, once: what they hold is never looked at again.
  mutating func expand(_ token: Token, in fileIndex: Int) -> Argument {
    var bytes: [UInt8] = []
    var names: [String] = []
    var isUsable = !token.isBroken
    for piece in token.pieces {
      switch piece {
      case .literal(let literal, _): bytes += literal
      case .variable(let name, let fallback, let range, _):
        names.append(name)
        let value = source.environment(name) ?? fileVariables[name]
        // As in a shell, `:-` replaces an empty value too.
        if let value, !(value.isEmpty && fallback != nil) {
          bytes += value
        } else if let fallback {
          bytes += fallback
        } else {
          isUsable = false
          log.error(
            "the variable \(name) is not set",
            at: log.sources.span(fileIndex, range.lower, range.upper), hint: unsetHint())
        }
      }
    }
    let span = log.sources.span(fileIndex, token.range.lower, token.range.upper)
    if bytes.count > ConfigLimits.wordBytesMaximum {
      log.error(
        "more than \(ConfigLimits.wordBytesMaximum) bytes once its variables are replaced", at: span
      )
      isUsable = false
      bytes = []
    }
    return Argument(
      bytes: bytes, written: log.sources.written(fileIndex, token.range), span: span,
      isQuoted: token.isQuoted, variables: names, isUsable: isUsable)
  }

  private func unsetHint() -> String {
    if let missing = missingEnvFiles.first {
      return "\(missing) does not exist; make it with: gateway secret new --env > \(missing)"
    }
    if let file = readEnvFiles.first { return "neither the environment nor \(file) sets it" }
    return "set it in the environment, or name a file with env_file"
  }

  /// Reads the files that the main file's `env_file` lines name, before any variable is replaced: where
  /// in the file the line stands must not matter. A later file beats an earlier one.
  mutating func readEnvironmentFiles(_ main: Cursor) {
    var depth = 0
    var isStart = true
    for index in main.tokens.indices {
      let token = main.tokens[index]
      switch token.kind {
      case .open:
        depth += 1
        isStart = true
      case .close:
        depth -= 1
        isStart = true
      case .semicolon, .end: isStart = true
      case .word:
        if depth == 0, isStart || token.isFirstOnLine, token.literalText == "env_file",
          index + 1 < main.tokens.count, main.tokens[index + 1].kind == .word
        {
          // Judged here alone; the directive itself is parsed later and its mistakes told there.
          let isOptional = main.tokens[index + 2].literalText == "optional"
          readEnvironmentFile(
            main.tokens[index + 1], isOptional: isOptional, fileIndex: main.fileIndex)
        }
        isStart = false
      }
    }
  }

  private mutating func readEnvironmentFile(_ token: Token, isOptional: Bool, fileIndex: Int) {
    // An environment file's own name may hold variables of the real environment only.
    var text: [UInt8] = []
    for piece in token.pieces {
      switch piece {
      case .literal(let literal, _): text += literal
      case .variable(let name, let fallback, _, _):
        guard let value = source.environment(name) ?? fallback else { return }
        text += value
      }
    }
    guard !text.isEmpty, !token.isBroken else { return }
    let path = ConfigPath.resolve(
      String(decoding: text, as: UTF8.self), relativeTo: log.sources.files[fileIndex].name)
    let span = log.sources.span(fileIndex, token.range.lower, token.range.upper)
    if isOptional, source.readFile(path, 0) == .missing {
      missingEnvFiles.append(path)
      return
    }
    guard let index = open(path, namedAt: span, command: "environment file") else { return }
    readEnvFiles.append(path)
    fileVariables.merge(EnvFileReader.variables(ofFile: index, log: log)) { $1 }
  }

  /// Reads a file into the map; nil and a report when it can't be.
  func open(_ path: String, namedAt span: SourceSpan?, command: String) -> Int? {
    func fail(_ message: String, hint: String? = nil) {
      if let span {
        log.error(message, at: span, hint: hint)
      } else {
        log.error(message, inFile: path, hint: hint)
      }
    }
    guard log.sources.files.count < ConfigLimits.fileCountMaximum else {
      fail("more than \(ConfigLimits.fileCountMaximum) files")
      return nil
    }
    switch source.readFile(path, ConfigLimits.fileBytesMaximum) {
    case .bytes(let bytes): return log.sources.add(name: path, bytes: bytes)
    case .missing:
      fail(
        span == nil ? "there is no such file" : "there is no \(command) \(path)",
        hint: span == nil
          ? "name the configuration with -c FILE"
          : command == "environment file"
            ? "make it with: gateway secret new --env > \(path), or say optional" : nil)
    case .failed(let reason): fail("\(path) can't be read: \(reason)")
    case .tooLarge: fail("\(path) has more than \(ConfigLimits.fileBytesMaximum) bytes")
    }
    return nil
  }

  /// The directives of the files that an include names.
  mutating func include(
    _ arguments: [Argument], _ nameSpan: SourceSpan, cursor: Cursor, context: Block?, depth: Int
  ) -> [Directive] {
    guard arguments.count == 1, let argument = arguments.first else {
      log.error(
        "include takes one argument", at: nameSpan, hint: "include FILE or include DIR/*.conf")
      return []
    }
    guard argument.isUsable, !argument.bytes.isEmpty else { return [] }
    var directives: [Directive] = []
    for path in includedPaths(argument, from: log.sources.files[cursor.fileIndex].name) {
      if cursor.stack.contains(path) {
        log.error("\(path) includes itself", at: argument.span, hint: "remove the circle")
        continue
      }
      guard cursor.stack.count <= ConfigLimits.includeDepthMaximum else {
        log.error(
          "includes nested deeper than \(ConfigLimits.includeDepthMaximum)", at: argument.span)
        return directives
      }
      guard let index = open(path, namedAt: argument.span, command: "file") else { continue }
      var inner = Cursor(
        fileIndex: index, tokens: Lexer.tokens(ofFile: index, log: log),
        stack: cursor.stack + [path], context: context)
      directives += parseFile(&inner, depth: depth)
    }
    return directives
  }

  /// One path, or those that a glob in the last component matches, sorted by byte.
  private func includedPaths(_ argument: Argument, from file: String) -> [String] {
    let path = ConfigPath.resolve(argument.text, relativeTo: file)
    guard ConfigPath.isGlob(path) else { return [path] }
    let directory = ConfigPath.directory(of: path)
    guard !ConfigPath.isGlob(directory) else {
      log.error(
        "a wildcard in a directory's name", at: argument.span,
        hint: "only the file's name may hold * and ?")
      return []
    }
    var names: [String] = []
    switch source.listDirectory(directory) {
    case .names(let found): names = found
    case .failed(let reason):
      // An unreadable directory must not pass for an empty one: its routes would be missing.
      log.error("\(directory) can't be read: \(reason)", at: argument.span)
    }
    let pattern = ConfigPath.name(of: path)
    return
      names
      .filter { ConfigPath.matches($0, pattern: pattern) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      .map { directory == "." ? $0 : directory == "/" ? "/" + $0 : directory + "/" + $0 }
  }
}
