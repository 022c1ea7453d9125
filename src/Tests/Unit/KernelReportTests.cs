using System.Text.Json;
using System.Xml.Linq;
using Harness.Kernels;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Kernels side by side as a picture and a page; how the page looks and behaves is for the tests in a browser.</summary>
public sealed class KernelReportTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_picture_has_a_chart_for_each_place_and_marks_the_steps()
    {
        XElement svg = XDocument.Parse(KernelSvg.Of(Table())).Root!;
        XNamespace ns = svg.Name.Namespace;
        string[] texts = [.. svg.Descendants(ns + "text").Select(text => text.Value)];
        Assert.Contains("depth 1", texts);
        Assert.Contains("depth 64", texts);
        Assert.Contains(texts, text => text.Contains("Instructions are not cycles", StringComparison.Ordinal) && text.EndsWith("Median of 3 boots.", StringComparison.Ordinal));
        Assert.Equal(2 * 2 * 3, svg.Descendants(ns + "circle").Count());
        // uring at both depths took a step with 6.12, and nothing else did.
        var filled = svg.Descendants(ns + "circle").Where(circle => circle.Attribute("fill")!.Value != "#ffffff");
        string[] steps = [.. filled.Select(circle => circle.Value.Trim())];
        Assert.Equal(["uring on 6.12: 27,005, -10.0 % since 5.10", "uring on 6.12: 8,102, -10.0 % since 5.10"], steps);
        Assert.Equal(2 * 2 * 3, svg.Descendants(ns + "rect").Count(rect => rect.Attribute("fill-opacity") is not null));
        Assert.Equal(6, texts.Count(text => text == "0"));
        Assert.Contains("-10.0", texts);
        Assert.DoesNotContain("NaN", svg.ToString());
    }

    [Fact]
    public void Charts_are_named_by_what_tells_them_apart_though_a_bare_system_call_has_no_such_axes()
    {
        static KernelRow Row(string layer, string depth, string size) =>
            new($"{layer},{depth}", new Dictionary<string, string> { ["layer"] = layer, ["backend"] = "epoll", ["depth"] = depth, ["size"] = size }, []);
        KernelRow[] rows = [Row("nbd", "1", "512"), Row("nbd", "64", "512"), Row("syscall", "none", "none")];
        Assert.Equal(["depth 1", "depth 64", "layer syscall"], KernelPlace.Of(rows).Select(place => place.Label).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_cell_that_no_kernel_measured_and_one_kernel_alone_are_drawn_too()
    {
        KernelTable one = KernelTable.Of([new KernelSamples(_folder).Three()[0]]);
        Assert.Empty(one.Changes);
        Assert.DoesNotContain("NaN", KernelSvg.Of(one));
        var run = new KernelSamples(_folder).Three()[0];
        RunData failed = run with { Cells = [.. run.Cells.Select(cell => cell with { Status = CellStatus.Failed, Reason = "it <hangs>", Load = null })] };
        string svg = KernelSvg.Of(KernelTable.Of([failed]));
        XDocument.Parse(svg);
        Assert.Contains("not measured", svg);
        Assert.DoesNotContain("NaN", svg);
    }

    [Fact]
    public void The_page_holds_no_path_of_this_machine_and_needs_nothing_from_elsewhere()
    {
        string page = KernelsPage.Of(Table()).Render();
        Assert.DoesNotContain(_folder.Path, page);
        Assert.Contains("guest-6.12.117-deb13-cloud-amd64/2026-03-01T120000-three-0123456789", page);
        Assert.DoesNotMatch("""<(link|img|iframe|base)\b|<script[^>]*\ssrc|@import|url\(""", page);
    }

    [Fact]
    public void Every_member_is_documented()
    {
        string document = JsonSerializer.Serialize(Table(), ResultsJson.Document.KernelTable);
        string documented = File.ReadAllText(Path.Combine(Repository.Root, "results", "README.md"));
        Assert.All(Names(JsonDocument.Parse(document).RootElement).Distinct(), name => Assert.Contains($"`{name}`", documented));
    }

    [Fact]
    public void What_arrived_and_what_changed_is_told_by_kernel()
    {
        KernelSemantics semantics = Table().Semantics;
        KernelBehaviourRow row = Assert.Single(semantics.Behaviours);
        Assert.Equal("6.12", row.Arrived);
        Assert.Equal(["7.2"], row.Changed);
        Assert.Equal(["CQSIZE"], semantics.Arrivals[0].SetupFlags);
        Assert.Equal(["DEFER_TASKRUN"], semantics.Arrivals[1].SetupFlags);
        Assert.Empty(semantics.Arrivals[2].SetupFlags);
        string markdown = KernelSemanticsText.Markdown(semantics);
        Assert.Contains("| a cancel of what is over | lacks it: skipped here | at once | later **(differs)** | 6.12 | 7.2 | wait for it |", markdown);
    }

    [Fact]
    public void What_was_kept_is_shown_again_without_a_boot()
    {
        new KernelSamples(_folder).Three();
        var (code, output, error) = VerbConsole.Invoke("kernels", "probe", "--kept", "--results", _folder.Path, "--html", _folder.File("p.html"));
        Assert.True(code == 0, error);
        Assert.Contains("6.12.117+deb13-cloud-amd64, beside the one before", output);
        Assert.Contains("new set-up flags: DEFER_TASKRUN", output);
        Assert.Contains("the same: set-up flags, features and operations", output);
        Assert.DoesNotContain(_folder.Path, File.ReadAllText(_folder.File("p.html")));
        (code, _, error) = VerbConsole.Invoke("kernels", "probe", "--kept", "--results", _folder.File("nothing"));
        Assert.Equal(2, code);
        Assert.Contains("no kernel's answers are in", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "probe", "--kept", "--kernels", "6.1");
        Assert.Equal(2, code);
        Assert.Contains("give one of them", error);
    }

    [Fact]
    public void The_verb_writes_the_page_and_the_picture()
    {
        var samples = new KernelSamples(_folder);
        string[] runs = [samples.Run("old", "6.1.0", 1), samples.Run("new", "7.2.0", 1.03)];
        var (code, output, error) = VerbConsole.Invoke(["kernels", "compare", .. runs, "--html", _folder.File("k.html"), "--svg", _folder.File("k.svg")]);
        Assert.True(code == 0, error);
        Assert.Contains("between 6.1 and 7.2", output);
        Assert.Contains("+3.0 %", output);
        XDocument.Load(_folder.File("k.svg"));
        Assert.Contains("id=\"behaviours\"", File.ReadAllText(_folder.File("k.html")));
    }

    private KernelTable Table() => KernelTable.Of(new KernelSamples(_folder).Three());

    // Axes and what the probe says are documented where they are written.
    private static IEnumerable<string> Names(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().Where(member => member.Name is not ("axes" or "seen" or "states"))
            .SelectMany(member => Names(member.Value).Prepend(member.Name))
            .Concat(element.EnumerateObject().Where(member => member.Name is "axes" or "seen" or "states").Select(member => member.Name)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Names),
        _ => [],
    };
}
