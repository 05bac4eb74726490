package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The driver takes the password from PGPASSWORD, and TLS is never given up.
func TestDatabaseURL(t *testing.T) {
	databaseURL := func(s *stack) string {
		env := pairs(t, container(t, s, "Schedule")["Environment"], "Name", "Value")
		return strings.NewReplacer("Database.Endpoint.Address", "db.example", "Database.Endpoint.Port", "5432").Replace(env["DATABASE_URL"])
	}
	t.Setenv("PGPASSWORD", "letters1AND2digits")

	s := evaluate(t, nil)
	config, err := pgx.ParseConfig(databaseURL(s))
	if err != nil {
		t.Fatal(err)
	}
	database := s.resources["Database"]
	if config.Password != "letters1AND2digits" || config.Host != "db.example" || fmt.Sprint(config.Port) != text(t, database, "Port") ||
		config.User != text(t, database, "MasterUsername") || config.Database != text(t, database, "DBName") {
		t.Errorf("the driver reads %+v", config)
	}
	if config.TLSConfig == nil || len(config.Fallbacks) > 0 {
		t.Error("the connection may be in the open")
	}
	// An update doubles the schedules; a db.t4g.small takes about 200 connections.
	held := number(t, found(t, "internal/schedulesql/postgres.go", `const connections = (\d+)`))
	if most := 2 * held * load(t).parameters["ScheduleMaxReplicas"]["Default"].(int); most > 150 {
		t.Errorf("schedules may hold %d connections", most)
	}
	var secret map[string]string
	generated := at(t, s.resources["DatabaseSecret"], "GenerateSecretString")
	if err := json.Unmarshal([]byte(text(t, generated, "SecretStringTemplate")), &secret); err != nil || secret["username"] != config.User {
		t.Errorf("the secret has %v, %v", secret, err)
	}
	if got := pairs(t, container(t, s, "Schedule")["Secrets"], "Name", "ValueFrom")["PGPASSWORD"]; got != "DatabaseSecret:"+text(t, generated, "GenerateStringKey")+"::" {
		t.Errorf("PGPASSWORD is from %s", got)
	}

	file := filepath.Join(t.TempDir(), "rds.pem")
	if err := os.WriteFile(file, authority(t), 0o644); err != nil {
		t.Fatal(err)
	}
	config, err = pgx.ParseConfig(databaseURL(evaluate(t, map[string]any{"DatabaseCaFile": file})))
	if err != nil {
		t.Fatal(err)
	}
	if c := config.TLSConfig; c == nil || c.InsecureSkipVerify || c.ServerName != "db.example" || c.RootCAs == nil || len(config.Fallbacks) > 0 {
		t.Errorf("with DatabaseCaFile the server is not verified: %+v", c)
	}
	if got, want := found(t, "deploy/aws/Dockerfile.schedule-rds", `(?m)^ADD .* (/\S+)$`), found(t, "docs/aws.md", `DatabaseCaFile=(\S+)`); got != want {
		t.Errorf("the image has its authorities in %s, the guide says %s", got, want)
	}
}

// authority is a certificate authority in PEM.
func authority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Secrets go into URLs, headers and rules as they are.
func TestSecretsNeedNoEscaping(t *testing.T) {
	s := evaluate(t, nil)
	for _, name := range []string{"ApiKeySecret", "DatabaseSecret", "OriginSecret"} {
		generated := at(t, s.resources[name], "GenerateSecretString")
		if at(t, generated, "ExcludePunctuation") != true || number(t, generated, "PasswordLength") < 32 {
			t.Errorf("%s: %v", name, generated)
		}
	}
	if got := text(t, s.resources["Database"], "MasterUserPassword"); got != "{{resolve:secretsmanager:DatabaseSecret:SecretString:password}}" {
		t.Errorf("the database's password is %s", got)
	}
}

// The database outlives the stack, encrypted.
func TestDatabaseIsKept(t *testing.T) {
	tmpl := load(t)
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		if got := tmpl.resources["Database"][policy]; got != "Snapshot" {
			t.Errorf("%s is %v", policy, got)
		}
	}
	for name, want := range map[string]any{"Engine": "postgres", "StorageType": "gp3", "StorageEncrypted": true, "CopyTagsToSnapshot": true, "AutoMinorVersionUpgrade": true, "BackupRetentionPeriod": 7} {
		if got := evaluate(t, nil).resources["Database"][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	restored := evaluate(t, map[string]any{"DatabaseSnapshot": "before"}).resources["Database"]
	for _, name := range []string{"DBName", "MasterUsername", "StorageEncrypted"} {
		if restored[name] != nil {
			t.Errorf("RDS refuses %s with a snapshot", name)
		}
	}
	if restored["DBSnapshotIdentifier"] != "before" {
		t.Error("the snapshot is not used")
	}
}
