// Shows what a Helm chart makes of values: render CHART VALUES, the latter as JSON.
// It is Helm's own engine without what speaks to clusters and registries, which takes minutes to build.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path"
	"slices"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: render CHART VALUES")
	}
	if err := render(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func render(folder, text string) error {
	chart, err := loader.Load(folder)
	if err != nil {
		return err
	}
	if err := chart.Validate(); err != nil {
		return err
	}
	values := map[string]any{}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return err
	}
	release := chartutil.ReleaseOptions{Name: "plurimus", Namespace: "kube-system", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return err
	}
	made, err := engine.Render(chart, all)
	if err != nil {
		return err
	}
	for _, definition := range chart.CRDObjects() {
		fmt.Printf("---\n%s\n", definition.File.Data)
	}
	var names []string
	for name := range made {
		if path.Ext(name) == ".yaml" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("---\n%s\n", made[name])
	}
	return nil
}
