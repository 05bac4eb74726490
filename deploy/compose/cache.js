// What nginx.conf needs to know and nginx does not tell.

// lifetime has nginx keep an answer for max-age and no longer. By itself nginx
// adds max-age to the second that has begun and keeps the answer until the end
// of that second, up to one second too long, which makes playlists late.
// X-Accel-Expires names the last second in which the answer is fresh.
function lifetime(r) {
    const kept = /^(?!.*(no-store|no-cache|private)).*max-age=(\d+)/.exec(r.headersOut['Cache-Control'] || '');
    if (kept && Number(kept[2]) > 0) {
        r.headersOut['X-Accel-Expires'] = '@' + (Math.floor(Date.now() / 1000) + Number(kept[2]) - 1);
    }
}

// age is the time in seconds since the engine made an answer (Age, RFC 9111 5.1).
function age(r) {
    const made = Date.parse(r.variables.upstream_http_date);
    return isNaN(made) ? '' : String(Math.max(0, Math.floor((Date.now() - made) / 1000)));
}

export default { age, lifetime };
