namespace Harness.Nbd;

/// <summary>
/// How much a block lets happen at one time, strictest first; nbdkit's words and meanings. A chain is as strict as its strictest block. Since a block completes
/// when it likes and from any thread, what is told apart is not threads but what overlaps: a request goes on from its start to its completion.
/// </summary>
public enum ThreadModel
{
    /// <summary>One client at a time: the next one waits to enter the export until the one before has gone. Its requests go one by one.</summary>
    SerializeConnections,

    /// <summary>Any number of clients, and one request at a time of all of them together.</summary>
    SerializeAllRequests,

    /// <summary>One request at a time of each client; those of different clients overlap.</summary>
    SerializeRequests,

    /// <summary>Requests overlap as they come.</summary>
    Parallel,
}

/// <summary>The words for thread models, and the model of a chain.</summary>
public static class ThreadModels
{
    private static readonly string[] s_words = ["serialize-connections", "serialize-all-requests", "serialize-requests", "parallel"];

    /// <summary>The words, strictest first.</summary>
    public static IReadOnlyList<string> Words => s_words;

    /// <summary>The word for a model.</summary>
    public static string Text(this ThreadModel model) => s_words[(int)model];

    /// <summary>Reads a word.</summary>
    public static bool TryParse(string text, out ThreadModel model)
    {
        int index = Array.IndexOf(s_words, text);
        model = (ThreadModel)index;
        return index >= 0;
    }

    /// <summary>The strictest model that blocks of a chain ask for, the chains behind its store among them, and the first of those that ask for it.</summary>
    /// <param name="top">The chain's first block.</param>
    public static (ThreadModel Model, IBlock Block) StrictestOf(IBlock top)
    {
        IBlock strictest = top;
        for (BlockEdge? edge = top.Behind; edge is not null; edge = edge.Target.Behind)
        {
            strictest = edge.Target.ThreadModel < strictest.ThreadModel ? edge.Target : strictest;
        }

        return (strictest.ThreadModel, strictest);
    }

    /// <summary>The model of a chain, or a stricter one.</summary>
    /// <exception cref="BlockException">What is asked for is looser than a block of the chain allows.</exception>
    internal static ThreadModel Tighten(IBlock top, ThreadModel? asked)
    {
        (ThreadModel allowed, IBlock strictest) = StrictestOf(top);
        if (asked > allowed)
        {
            throw new BlockException($"thread model {asked.Value.Text()} is looser than {allowed.Text()}, and '{strictest.Name}' allows no more than that")
            {
                IsUsage = true,
            };
        }

        return asked ?? allowed;
    }

    /// <summary>Has exports that share a block that wants one request or one client at a time take turns with each other. Before anything is served.</summary>
    internal static void ShareTurns(IReadOnlyList<BlockGraph> exports)
    {
        foreach (BlockGraph export in exports)
        {
            foreach (BlockGraph other in Others(export).Where(exports.Contains))
            {
                // With all that it shares turns with already.
                BlockGraph[] group = [.. exports.Where(third => third.SharesTurnsWith(other))];
                Array.ForEach(group, third => third.ShareTurnsWith(export));
            }
        }
    }

    /// <summary>Has a background job take turns with exports that lead to the same block, where that wants one request of all at a time.</summary>
    internal static void JoinTurns(BlockGraph job)
    {
        if (Others(job).FirstOrDefault() is { } export)
        {
            job.ShareTurnsWith(export);
        }
    }

    /// <summary>Why the blocks that stand behind an export now want less at one time than it keeps to; empty where they do not.</summary>
    internal static string Complaint(BlockGraph export)
    {
        (ThreadModel now, IBlock strictest) = StrictestOf(export.Top);
        if (now < export.ThreadModel)
        {
            return $"'{strictest.Name}' wants {now.Text()}, and {export.Title} is {export.ThreadModel.Text()}; start the server with --thread-model {now.Text()}";
        }

        return !export.BacksStores && Others(export).FirstOrDefault(other => !export.SharesTurnsWith(other)) is { } apart
            ? $"requests of export '{export.ExportName}' and of export '{apart.ExportName}' would meet in a block that wants one at a time; only what shares it from the start may"
            : string.Empty;
    }

    /// <summary>Other exports that lead to a block of this one's that wants one request of all at a time.</summary>
    private static IEnumerable<BlockGraph> Others(BlockGraph export)
    {
        for (BlockNode? node = BlockNode.Of(export.Top); node is not null; node = node.Next)
        {
            if (node.Block.ThreadModel > ThreadModel.SerializeAllRequests)
            {
                continue;
            }

            foreach (BlockGraph other in node.Parents.SelectMany(ChangePlan.ExportsOf).Where(other => other != export))
            {
                yield return other;
            }
        }
    }
}
