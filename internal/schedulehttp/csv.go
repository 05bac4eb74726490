package schedulehttp

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// csvColumns are those that are written. Read are also start_time, end_time,
// duration and channelId, in any order.
var csvColumns = []string{"id", "start", "end", "title", "uri", "description", "image", "categories", "episode", "rating", "language"}

// csvCells writes one event. Times are ISO 8601.
func csvCells(e event) []string {
	return []string{e.ID, e.Start, e.End, e.Title, e.URI, e.Description, e.Image, strings.Join(e.Categories, "|"), e.Episode, e.Rating, e.Language}
}

// csvSetters read a cell into an event; each returns what is wrong with it, ""
// if nothing is.
var csvSetters = map[string]func(in *eventInput, cell string) string{
	"id":          func(in *eventInput, cell string) string { in.ID = &cell; return "" },
	"channelId":   func(in *eventInput, cell string) string { in.ChannelID = &cell; return "" },
	"title":       func(in *eventInput, cell string) string { in.Title = &cell; return "" },
	"uri":         func(in *eventInput, cell string) string { in.URI = cell; return "" },
	"start":       func(in *eventInput, cell string) string { return setTime(cell, &in.Start, &in.StartTime) },
	"end":         func(in *eventInput, cell string) string { return setTime(cell, &in.End, &in.EndTime) },
	"start_time":  func(in *eventInput, cell string) string { return setMillis(cell, &in.StartTime) },
	"end_time":    func(in *eventInput, cell string) string { return setMillis(cell, &in.EndTime) },
	"duration":    setDuration,
	"description": func(in *eventInput, cell string) string { in.Description = cell; return "" },
	"image":       func(in *eventInput, cell string) string { in.Image = cell; return "" },
	"episode":     func(in *eventInput, cell string) string { in.Episode = cell; return "" },
	"rating":      func(in *eventInput, cell string) string { in.Rating = cell; return "" },
	"language":    func(in *eventInput, cell string) string { in.Language = cell; return "" },
	"categories": func(in *eventInput, cell string) string {
		in.Categories = strings.Split(cell, "|")
		return ""
	},
}

// setTime takes ISO 8601 or milliseconds.
func setTime(cell string, iso **string, millis **int64) string {
	if setMillis(cell, millis) != "" {
		*iso = &cell
	}
	return ""
}

func setMillis(cell string, millis **int64) string {
	ms, err := strconv.ParseInt(cell, 10, 64)
	if err != nil {
		return "must be milliseconds since 1970"
	}
	*millis = &ms
	return ""
}

func setDuration(in *eventInput, cell string) string {
	seconds, err := strconv.ParseFloat(cell, 64)
	if limit := schedule.MaxDuration.Seconds(); err != nil || !(seconds > 0 && seconds <= limit) {
		return fmt.Sprintf("must be seconds, more than 0 and at most %.0f", limit)
	}
	in.Duration = &seconds
	return ""
}

// formula is what a cell of ours begins with that a spreadsheet might take for
// a formula. Such a cell, and one with an apostrophe in front, gets an
// apostrophe more when it is written, and loses it when it is read.
const formula = "=+-@'"

// writeCSV writes events.
func writeCSV(events []event) ([]byte, error) {
	rows := make([][]string, len(events))
	for i, e := range events {
		rows[i] = csvCells(e)
	}
	return encodeCSV(csvColumns, rows)
}

// encodeCSV writes RFC 4180 with a header. The rows are changed where a cell
// looks like a formula.
func encodeCSV(header []string, rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if err := w.Write(header); err != nil {
		return nil, err
	}
	for _, cells := range rows {
		for i, cell := range cells {
			if cell != "" && strings.Contains(formula, cell[:1]) {
				cells[i] = "'" + cell
			}
		}
		if err := w.Write(cells); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// readCSV reads events, one a line, under a header that names the columns.
// Cells are separated by commas, or by the semicolons of spreadsheets in
// countries with decimal commas. Locations are the lines on which events begin.
func readCSV(raw []byte) (inputs []eventInput, locations []string, faults []error, err error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) {
		return nil, nil, nil, malformed("body", "is not UTF-8: save it as \"CSV UTF-8\"")
	}
	header, _, _ := bytes.Cut(raw, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(raw))
	if bytes.Count(header, []byte(";")) > bytes.Count(header, []byte(",")) {
		r.Comma = ';'
	}
	columns, err := r.Read()
	if err != nil {
		return nil, nil, nil, malformed("line 1", "must name the columns, for instance start,end,title,uri")
	}
	columns = slices.Clone(columns)
	for i, name := range columns {
		columns[i] = strings.TrimSpace(name)
		if csvSetters[columns[i]] == nil {
			faults = append(faults, &huma.ErrorDetail{Location: "line 1", Value: name,
				Message: fmt.Sprintf("has the unknown column %.50q: known are %s, start_time, end_time, duration, channelId", name, strings.Join(csvColumns, ", "))})
		} else if slices.Contains(columns[:i], columns[i]) {
			faults = append(faults, &huma.ErrorDetail{Location: "line 1", Value: name, Message: fmt.Sprintf("names the column %q twice", columns[i])})
		}
	}
	if faults != nil {
		return nil, nil, faults, nil
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return inputs, locations, faults, nil
		}
		if err != nil {
			line, reason := 0, err.Error()
			if e, ok := errors.AsType[*csv.ParseError](err); ok {
				line, reason = e.StartLine, e.Err.Error()
			}
			return nil, nil, nil, malformed(fmt.Sprintf("line %d", line), "is not CSV: "+reason)
		}
		line, _ := r.FieldPos(0)
		location := fmt.Sprintf("line %d", line)
		var in eventInput
		for i, cell := range cells {
			if len(cell) > 1 && cell[0] == '\'' && strings.Contains(formula, cell[1:2]) {
				cell = cell[1:]
			}
			if cell == "" {
				continue // the same as no column
			}
			if reason := csvSetters[columns[i]](&in, cell); reason != "" {
				faults = append(faults, &huma.ErrorDetail{Location: location + "." + columns[i], Message: reason, Value: cell})
			}
		}
		inputs, locations = append(inputs, in), append(locations, location)
	}
}

// isCSV says whether a media type is that of CSV.
func isCSV(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/csv")
}

// FormatQuery chooses the form of an answer.
type FormatQuery struct {
	Format string `query:"format" enum:"json,csv" doc:"Form of the answer; without it, the header Accept decides."`
	Accept string `header:"Accept" hidden:"true"`
}

// csv says whether CSV is asked for, and asked for more than JSON.
func (q FormatQuery) csv() bool {
	if q.Format != "" {
		return q.Format == "csv"
	}
	for part := range strings.SplitSeq(q.Accept, ",") {
		switch mediaType, _, _ := strings.Cut(strings.TrimSpace(part), ";"); mediaType {
		case "application/json", "*/*":
			return false
		case "text/csv":
			return true
		}
	}
	return false
}

// varies tells caches that the form of a list depends on the header Accept.
func varies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/schedule") || strings.HasSuffix(r.URL.Path, "/asrun") {
			w.Header().Add("Vary", "Accept")
		}
		next.ServeHTTP(w, r)
	})
}

// csvAnswer is what GET gives for a channel's events.
func csvAnswer(channelID string, list []event) (*eventsOutput, error) {
	text, err := writeCSV(list)
	if err != nil {
		return nil, huma.NewError(http.StatusInternalServerError, "")
	}
	return &eventsOutput{Status: http.StatusOK, ContentType: "text/csv; charset=utf-8",
		Disposition: `attachment; filename="` + channelID + `.csv"`, Body: text}, nil
}
