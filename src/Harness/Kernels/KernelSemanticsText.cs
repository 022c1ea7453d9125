using System.Text;
using Harness.Io;
using Harness.Report;
using Spectre.Console;

namespace Harness.Kernels;

/// <summary>What kernels can do and how their io_uring behaves, side by side, for people.</summary>
internal static class KernelSemanticsText
{
    public static void Write(KernelSemantics semantics, IAnsiConsole console)
    {
        foreach (KernelArrivals kernel in semantics.Arrivals)
        {
            KernelColumn column = semantics.Kernels.First(column => column.Name == kernel.Kernel);
            bool first = kernel == semantics.Arrivals[0];
            console.WriteLine($"{column.Release}{(first ? "" : ", beside the one before")}");
            Line(console, "refused", kernel.Refusal);
            Line(console, first ? "set-up flags" : "new set-up flags", string.Join(' ', kernel.SetupFlags));
            Line(console, first ? "features" : "new features", string.Join(' ', kernel.Features));
            Line(console, first ? "operations" : "new operations", string.Join(' ', kernel.Opcodes));
            Line(console, "gone", string.Join(' ', kernel.Gone));
            Line(console, "the same", kernel.IsTheSame ? "set-up flags, features and operations" : null);
        }
        foreach (KernelBackendRow row in semantics.Backends)
        {
            foreach (var (state, kernel) in row.States.Zip(semantics.Kernels).Where(pair => pair.First is { Available: false }))
            {
                console.WriteLine($"{row.Backend} cannot run on {kernel.Name}: {state!.Reason}");
            }
        }
        console.WriteLine();
        WriteBehaviours(semantics, console);
    }

    /// <summary>The experiments in a word each, and after them those whose answer changes, in their own words.</summary>
    public static void WriteBehaviours(KernelSemantics semantics, IAnsiConsole console)
    {
        Table table = KernelTableText.Grid(["how io_uring behaves", .. semantics.Kernels.Select(kernel => kernel.Name)], rightFrom: int.MaxValue);
        foreach (KernelBehaviourRow row in semantics.Behaviours)
        {
            table.AddRow([.. new[] { row.Name }.Concat(row.Seen.Select(Word)).Select(Markup.Escape)]);
        }
        console.Write(table);
        foreach (KernelBehaviourRow row in semantics.Behaviours.Where(row => row.Changed.Count > 0))
        {
            string seen = string.Join("; ", semantics.Kernels.Zip(row.Seen).Where(pair => pair.Second is not null).Select(pair => $"{pair.First.Name}: {pair.Second!.Seen}"));
            console.WriteLine($"changed with {string.Join(", ", row.Changed)}: {row.Name}: {seen}");
        }
        console.WriteLine("What was seen and what follows from it, in words: --markdown.");
    }

    public static string Markdown(KernelSemantics semantics)
    {
        var text = new StringBuilder();
        string[] names = [.. semantics.Kernels.Select(kernel => kernel.Name)];
        MarkdownText.Table(text, ["", .. names],
        [
            .. semantics.Backends.Select(row => row.States.Select(State).Prepend($"backend `{row.Backend}`")),
            Arrived("set-up flags", semantics, kernel => kernel.SetupFlags),
            Arrived("features", semantics, kernel => kernel.Features),
            Arrived("operations", semantics, kernel => kernel.Opcodes),
            Arrived("gone", semantics, kernel => kernel.Gone),
        ]);
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, "Of the first kernel all that it has, of each other one what the one before it lacks.");
        MarkdownText.Line(text, "");
        MarkdownText.Table(
            text,
            ["how io_uring behaves", .. names, "arrived with", "changed with", "what follows"],
            semantics.Behaviours.Select(row => row.Seen.Select(Seen).Prepend(MarkdownText.Escaped(row.Name))
                .Concat([row.Arrived ?? "", string.Join(", ", row.Changed), MarkdownText.Escaped(row.Meaning)])));
        return text.ToString();
    }

    private static IEnumerable<string> Arrived(string name, KernelSemantics semantics, Func<KernelArrivals, IReadOnlyList<string>> names) =>
        semantics.Arrivals.Select(kernel => string.Join(' ', names(kernel).Select(word => $"`{word}`"))).Prepend(name);

    private static string State(BackendState? state) => state is null ? "not asked" : state.Available ? "runs" : $"cannot run: {MarkdownText.Escaped(state.Reason ?? "")}";

    private static void Line(IAnsiConsole console, string name, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            console.WriteLine($"  {name}: {text}");
        }
    }

    private static string Word(KernelBehaviour? seen) => seen?.Verdict switch
    {
        BehaviourVerdict.AsExpected => "as on 6.18",
        BehaviourVerdict.Differs => "differs",
        BehaviourVerdict.Skipped => "lacks it",
        _ => "not tried",
    };

    private static string Seen(KernelBehaviour? seen) => seen is null ? "not tried"
        : seen.Verdict == BehaviourVerdict.Skipped ? $"lacks it: {MarkdownText.Escaped(seen.Seen)}"
        : MarkdownText.Escaped(seen.Seen) + (seen.Verdict == BehaviourVerdict.Differs ? " **(differs)**" : "");
}
