// seconds is the age of an answer (Age, RFC 9111 5.1), rounded up, which nginx
// does not tell: the time since the engine made it.
function seconds(r) {
    const made = Date.parse(r.variables.upstream_http_date);
    return isNaN(made) ? '' : String(Math.max(0, Math.floor((Date.now() - made) / 1000)));
}

export default { seconds };
