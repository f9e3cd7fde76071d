/** Operations and results of LDAP (RFC 4511 section 4.2 to 4.12, appendix A). */

export const LdapOp = {
  bind: 0x60,
  bindResponse: 0x61,
  unbind: 0x42,
  search: 0x63,
  searchEntry: 0x64,
  searchDone: 0x65,
  searchReference: 0x73,
  abandon: 0x50,
  extended: 0x77,
  intermediate: 0x79,
} as const;

interface Operation {
  readonly name: string;
  readonly isRequest: boolean;
}

export const LDAP_OPERATIONS: ReadonlyMap<number, Operation> = new Map([
  [LdapOp.bind, { name: "bind", isRequest: true }],
  [LdapOp.bindResponse, { name: "bind", isRequest: false }],
  [LdapOp.unbind, { name: "unbind", isRequest: true }],
  [LdapOp.search, { name: "search", isRequest: true }],
  [LdapOp.searchEntry, { name: "search", isRequest: false }],
  [LdapOp.searchDone, { name: "search", isRequest: false }],
  [LdapOp.searchReference, { name: "search", isRequest: false }],
  [0x66, { name: "modify", isRequest: true }],
  [0x67, { name: "modify", isRequest: false }],
  [0x68, { name: "add", isRequest: true }],
  [0x69, { name: "add", isRequest: false }],
  [0x4a, { name: "delete", isRequest: true }],
  [0x6b, { name: "delete", isRequest: false }],
  [0x6c, { name: "modify_dn", isRequest: true }],
  [0x6d, { name: "modify_dn", isRequest: false }],
  [0x6e, { name: "compare", isRequest: true }],
  [0x6f, { name: "compare", isRequest: false }],
  [LdapOp.abandon, { name: "abandon", isRequest: true }],
  [LdapOp.extended, { name: "extended", isRequest: true }],
  [0x78, { name: "extended", isRequest: false }],
  [LdapOp.intermediate, { name: "intermediate", isRequest: false }],
]);

export const LDAP_RESULTS: ReadonlyMap<number, string> = new Map([
  [1, "operationsError"],
  [2, "protocolError"],
  [3, "timeLimitExceeded"],
  [4, "sizeLimitExceeded"],
  [7, "authMethodNotSupported"],
  [8, "strongerAuthRequired"],
  [10, "referral"],
  [11, "adminLimitExceeded"],
  [12, "unavailableCriticalExtension"],
  [13, "confidentialityRequired"],
  [16, "noSuchAttribute"],
  [17, "undefinedAttributeType"],
  [19, "constraintViolation"],
  [20, "attributeOrValueExists"],
  [21, "invalidAttributeSyntax"],
  [32, "noSuchObject"],
  [34, "invalidDNSyntax"],
  [48, "inappropriateAuthentication"],
  [49, "invalidCredentials"],
  [50, "insufficientAccessRights"],
  [51, "busy"],
  [52, "unavailable"],
  [53, "unwillingToPerform"],
  [65, "objectClassViolation"],
  [66, "notAllowedOnNonLeaf"],
  [68, "entryAlreadyExists"],
  [80, "other"],
]);
