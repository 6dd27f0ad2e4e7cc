/** A function of sprig that templates do not have. */
export interface ExcludedFunction {
  readonly name: string;
  /** Continues "it ...". */
  readonly why: string;
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Every function that a template can call, sorted: text/template's own, sprig's, and Helm's for YAML. */
export const functionNames: readonly string[] = words(`
  abbrev abbrevboth add add1 add1f addf adler32sum all and any append atoi b32dec b32enc b64dec b64enc base
  biggest call camelcase cat ceil chunk clean coalesce compact concat contains date dateInZone dateModify
  date_in_zone date_modify deepCopy deepEqual default dict dig dir div divf duration durationRound empty eq ext
  fail first float64 floor fromJson fromYaml ge get gt has hasKey hasPrefix hasSuffix hello html htmlDate
  htmlDateInZone indent index initial initials int int64 isAbs join js kebabcase keys kindIs kindOf last le len
  list lower lt max maxf merge mergeOverwrite min minf mod mul mulf mustAppend mustChunk mustCompact
  mustDateModify mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite
  mustPrepend mustPush mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll
  mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice mustToDate mustToJson mustToPrettyJson
  mustToRawJson mustUniq mustWithout must_date_modify ne nindent nospace not omit or osBase osClean osDir osExt
  osIsAbs pick pluck plural prepend print printf println push quote regexFind regexFindAll regexMatch
  regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest reverse round semver
  semverCompare seq set sha1sum sha256sum sha512sum slice snakecase sortAlpha split splitList splitn squote sub
  subf substr swapcase ternary title toDate toDecimal toJson toPrettyJson toRawJson toString toStrings toYaml trim
  trimAll trimPrefix trimSuffix trimall trunc tuple typeIs typeIsLike typeOf uniq unixEpoch unset until untilStep
  untitle upper urlJoin urlParse urlquery values without wrap wrapWith
`);

const EXCLUDED: Readonly<Record<string, string>> = {
  "reads the clock": "ago now",
  "is cryptography, most of it with random numbers":
    "bcrypt buildCustomCert decryptAES derivePassword encryptAES genCA genCAWithKey genPrivateKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey htpasswd",
  "reads the environment of the process": "env expandenv",
  "asks the network": "getHostByName",
  "gives something else each time": "randAlpha randAlphaNum randAscii randBytes randInt randNumeric shuffle uuidv4",
};

/** The functions of sprig that a template cannot call, and why. */
export const excludedFunctions: readonly ExcludedFunction[] = Object.entries(EXCLUDED).flatMap(([why, names]) =>
  words(names).map((name) => ({ name, why })),
);
