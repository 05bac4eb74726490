package schedulesql

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"

	"consuo/internal/pgtest"

	"github.com/pressly/goose/v3"
)

// A database of every older version comes up to date with all that is in it.
func TestUpgrade(t *testing.T) {
	folder, err := fs.Sub(migrations, "migrations")
	must(t, err)
	for _, database := range []struct {
		driver  string
		dialect goose.Dialect
		address func() (dsn, url string)
	}{
		{"sqlite", goose.DialectSQLite3, func() (string, string) {
			path := filepath.Join(t.TempDir(), "old.db")
			return sqliteDSN(path, true), path
		}},
		{"pgx", goose.DialectPostgres, func() (string, string) {
			url := pgtest.URL(t)
			return url, url
		}},
	} {
		newest := int64(0)
		for version := int64(1); version == 1 || version <= newest; version++ {
			dsn, url := database.address()
			db, err := sql.Open(database.driver, dsn)
			must(t, err)
			provider, err := goose.NewProvider(database.dialect, db, folder)
			must(t, err)
			sources := provider.ListSources()
			newest = sources[len(sources)-1].Version
			if _, err := provider.UpTo(t.Context(), version); err != nil {
				t.Fatal(err)
			}
			// What the first version wrote; later ones must still take it, from an
			// old replica during a deployment.
			for _, statement := range []string{
				`INSERT INTO channels (id, name, config, revision) VALUES ('one', 'One', '{"x":1}', 1795348800000000)`,
				`INSERT INTO events (channel_id, id, title, uri, start_ms, end_ms) VALUES ('one', 'a', 'A', 'https://vod.example/a.m3u8', 1795348800000, 1795350600000)`,
			} {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatalf("%s at version %d: %v", database.driver, version, err)
				}
			}
			must(t, db.Close())

			s := openURL(t, url)
			c, err := s.Channel(t.Context(), "one")
			if err != nil || c.Name != "One" || string(c.Config) != `{"x":1}` || c.Revision != 1795348800000000 {
				t.Errorf("%s from version %d: %+v, %v", database.driver, version, c, err)
			}
			e, err := s.Event(t.Context(), "one", "a")
			if err != nil || e.Title != "A" || !e.Details.Empty() || !e.Start.Equal(noon) {
				t.Errorf("%s from version %d: %v, %v", database.driver, version, e, err)
			}
			must(t, insert(t, s, minutes("b", 60, 90)))
		}
	}
}
