// What nginx.conf needs and nginx has no directive for.

// lifetime tells nginx how to keep an answer as its max-age says.
//
// By itself nginx adds max-age to the second that has begun and keeps the answer
// until the end of that second, up to one second too long, which makes playlists
// late: X-Accel-Expires names the last second in which the answer is fresh.
// And when it has expired nginx would ask for it once for every player who comes
// before the new one has arrived: for one second, these get the old one. All
// others get what the engine said, which is kept in X-Cache-Control for them.
function lifetime(r) {
    const said = r.headersOut['Cache-Control'] || '';
    const maxAge = /max-age=(\d+)/.exec(said);
    if (!maxAge || maxAge[1] === '0' || /no-store|no-cache|private/.test(said)) {
        return;
    }
    r.headersOut['X-Cache-Control'] = said;
    if (!/stale-while-revalidate/.test(said)) {
        r.headersOut['Cache-Control'] = said + ', stale-while-revalidate=1';
    }
    // After Cache-Control, over which it would have nginx ignore the rest of it.
    r.headersOut['X-Accel-Expires'] = '@' + (Math.floor(Date.now() / 1000) + Number(maxAge[1]) - 1);
}

// age is the time in seconds since the engine made an answer (Age, RFC 9111 5.1).
function age(r) {
    const made = Date.parse(r.variables.upstream_http_date);
    return isNaN(made) ? '' : String(Math.max(0, Math.floor((Date.now() - made) / 1000)));
}

export default { age, lifetime };
