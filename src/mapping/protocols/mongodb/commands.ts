/**
 * Commands of MongoDB whose first value is a collection's name (mongodb.com/docs/manual/reference/command). That of others
 * may be a user's name, a log's, or a setting.
 */
const OF_COLLECTION = new Set(
  (
    "aggregate clonecollectionascapped collmod collstats compact converttocapped count create createindexes createsearchindexes " +
    "delete deleteindexes distinct drop dropindexes dropsearchindex find findandmodify geonear geosearch insert killcursors " +
    "listindexes mapreduce parallelcollectionscan plancacheclear plancacheclearfilters plancachelistfilters plancachesetfilter " +
    "reindex update updatesearchindex validate"
  ).split(" "),
);

export function isOfCollection(command: string): boolean {
  return OF_COLLECTION.has(command.toLowerCase());
}
