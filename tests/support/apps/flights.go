// An app as a program, NDJSON in and out: departures get their day, which the files have in three parts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
)

func number(row map[string]any, name string) int {
	text, _ := row[name].(string)
	value, _ := strconv.Atoi(text)
	return value
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	answer := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 { // the end of a batch, and of its answer
			answer.WriteByte('\n')
			answer.Flush()
			continue
		}
		var row map[string]any
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			log.Fatal(err)
		}
		year, month, day := number(row, "year"), number(row, "month"), number(row, "day")
		row["departure_date"] = fmt.Sprintf("%04d-%02d-%02d", year, month, day)
		line, err := json.Marshal(row)
		if err != nil {
			log.Fatal(err)
		}
		answer.Write(line)
		answer.WriteByte('\n')
	}
}
