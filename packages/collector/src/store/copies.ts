/**
 * The places of one product's records and sets that do not count, as `(who, time, id, type)`. An id counts once a person, where it is
 * earliest (by time, then `who`); the other places at which it stands are copies of it.
 *
 * Which they are is worked out when it is asked, from what is stored and from whose identities are whose at that moment: so it depends on
 * nothing that came first, writing needs no look at what is there already, and two people who become one need nothing but their labels.
 * Nearly every id stands at one place; to see that, an id needs 24 bytes, and what does not fit into memory is spilled to disk.
 *
 * @param only one more condition on the commands.
 */
export function copiesSql(only = "1"): string {
  const acts = `product = {p:UInt32} AND type != 'alias' AND ${only}`;
  const doubtful = `SELECT sipHash64(id, type) AS key FROM km.commands WHERE ${acts}
    GROUP BY key HAVING min(sipHash64(time, who)) != max(sipHash64(time, who))`;
  return `SELECT place.2 AS who, place.1 AS time, id, type FROM (
    SELECT id, type, if(l.person = 0, c.who, l.person) AS one, arraySort(groupArray((c.time, c.who))) AS places
    FROM (SELECT who, min(people.person) AS person FROM km.people WHERE product = {p:UInt32} GROUP BY who) AS l
    RIGHT JOIN (SELECT DISTINCT id, type, time, who FROM km.commands WHERE ${acts} AND sipHash64(id, type) IN (${doubtful})) AS c
      ON l.who = c.who
    GROUP BY id, type, one HAVING count() > 1)
    ARRAY JOIN arrayPopFront(places) AS place`;
}
