package schedule

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a programme guide shows.
const (
	MaxDescriptionLength = 4000 // characters
	MaxCategories        = 10
	MaxCategoryLength    = 60 // characters
	MaxRatingLength      = 40 // characters
)

// Forms of an episode and a language.
const (
	EpisodePattern  = `^(S[0-9]{1,4})?E[0-9]{1,5}$`
	LanguagePattern = `^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`
)

var (
	episodePattern  = regexp.MustCompile(EpisodePattern)
	languagePattern = regexp.MustCompile(LanguagePattern)
)

// Details are what programme guides show of an event. All are optional.
type Details struct {
	Description string   `json:"description,omitempty"` // lines are separated by \n
	Image       string   `json:"image,omitempty"`       // URL
	Categories  []string `json:"categories,omitempty"`  // the most important first
	Episode     string   `json:"episode,omitempty"`     // S2E5, or E5 of a series without seasons
	Rating      string   `json:"rating,omitempty"`      // "PG", or with its system "MPAA:PG"
	Language    string   `json:"language,omitempty"`    // BCP 47
}

// Empty says whether nothing is known.
func (d Details) Empty() bool { return d.equal(Details{}) }

func (d Details) equal(o Details) bool {
	return d.Description == o.Description && d.Image == o.Image && slices.Equal(d.Categories, o.Categories) &&
		d.Episode == o.Episode && d.Rating == o.Rating && d.Language == o.Language
}

// EpisodeNumbers are those of Episode, from 1 on; 0 where one is not known.
func (d Details) EpisodeNumbers() (season, episode int) {
	s, e, ok := strings.Cut(d.Episode, "E")
	if !ok {
		return 0, 0
	}
	season, _ = strconv.Atoi(strings.TrimPrefix(s, "S")) // "" is 0, and the pattern leaves nothing else
	episode, _ = strconv.Atoi(e)
	return season, episode
}

// ValidLanguage says whether s fits [LanguagePattern].
func ValidLanguage(s string) bool { return languagePattern.MatchString(s) }

func (d Details) check() []Fault {
	var faults []Fault
	fault := func(field, reason string) { faults = append(faults, Fault{field, reason}) }
	if utf8.RuneCountInString(d.Description) > MaxDescriptionLength {
		fault("description", fmt.Sprintf("must not be longer than %d characters", MaxDescriptionLength))
	}
	for _, r := range d.Description {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError {
			fault("description", fmt.Sprintf("must not contain the control character %U", r))
			break
		}
	}
	if d.Image != "" {
		if reason := CheckURI(d.Image); reason != "" {
			fault("image", reason)
		}
	}
	if len(d.Categories) > MaxCategories {
		fault("categories", fmt.Sprintf("must not be more than %d", MaxCategories))
	}
	for i, category := range d.Categories {
		field := fmt.Sprintf("categories[%d]", i)
		switch {
		case strings.TrimSpace(category) != category || category == "":
			fault(field, "must not be empty, nor begin or end with a blank")
		case strings.Contains(category, "|"):
			fault(field, "must not contain |, which separates categories in CSV")
		case slices.Contains(d.Categories[:i], category):
			fault(field, "occurs twice")
		default:
			faults = append(faults, checkText(field, category, MaxCategoryLength)...)
		}
	}
	if d.Episode != "" && !episodePattern.MatchString(d.Episode) {
		fault("episode", "must be like S2E5, or E5 without seasons")
	}
	if d.Language != "" && !ValidLanguage(d.Language) {
		fault("language", "must be a language tag like sv or pt-BR")
	}
	return append(faults, checkText("rating", d.Rating, MaxRatingLength)...)
}
