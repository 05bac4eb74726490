package hlscheck

import (
	"slices"
	"strings"
)

// Rule is one thing that a playlist, or a series of them, must hold to.
type Rule struct {
	Name   string // stable, for Options.Ignore and for tests
	Clause string // where it is written: "draft 4.4.3.1", "design"
	Says   string // what must hold, in one sentence
}

// table holds every rule, in the order in which the files of this package declare them.
var table []*Rule

// rule enters a rule in the table; it is called for package variables only.
func rule(name, clause, says string) *Rule {
	r := &Rule{Name: name, Clause: clause, Says: says}
	table = append(table, r)
	return r
}

// Rules lists every rule that a Checker knows, ordered by name.
func Rules() []Rule {
	all := make([]Rule, 0, len(table))
	for _, r := range table {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.Name, b.Name) })
	return all
}
